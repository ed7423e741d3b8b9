//! What one loaded version of a plugin works with: its grants, its limits, its settings, and the way to other actors.

use std::{collections::BTreeMap, sync::Arc};

use starling_contracts::{accounts::Profile, inbox::ListMessages, transport::FetchWeb};
use starling_kernel::Recipient;
use starling_protocol::account::AccountId;

use crate::{
    config::{Allowance, Secret},
    correspondents::Correspondents,
    manifest::PluginName,
    papers::Papers,
    permission::{Grants, SecretName},
    quota::Quotas,
};

/// Shared by the calls of one version; another version, and other grants, have another.
pub(crate) struct Desk {
    pub(crate) name: PluginName,
    pub(crate) profile: Profile,
    /// The account it speaks as.
    pub(crate) own: AccountId,
    pub(crate) grants: Grants,
    pub(crate) allowance: Allowance,
    pub(crate) quotas: Quotas,
    /// Its own settings, as one JSON object.
    pub(crate) config: String,
    pub(crate) secrets: BTreeMap<SecretName, Secret>,
    pub(crate) private_addresses: bool,
    pub(crate) papers: Arc<Papers>,
    pub(crate) correspondents: Arc<Correspondents>,
    pub(crate) inbox: Recipient<ListMessages>,
    pub(crate) web: Recipient<FetchWeb>,
}
