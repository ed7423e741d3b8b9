//! The seam between the actor and a ledger.

use std::{sync::Arc, time::Duration};

use starling_contracts::staking::NodeList;
use starling_kernel::{Context, Task};

use crate::{
    config::{BackendConfig, Config},
    local,
};

/// A ledger that can be asked for its newest node list.
///
/// The actor asks, one question at a time, and decides what becomes of the answer; a backend keeps only what it needs to
/// answer cheaply. A ledger that is reached over a network does its waiting inside the returned task.
pub trait Backend: 'static {
    /// What is missing as long as no list was seen; shown to the operator.
    fn waiting_for(&self) -> String;

    /// The pause between two questions.
    fn poll_every(&self) -> Duration;

    /// The newest list, or nothing if that is no news since the last question.
    ///
    /// `held` is the list that the actor has; a list that cannot follow it is an error. The same error is told once, not at
    /// every question.
    fn newest(&mut self, held: Option<Arc<NodeList>>) -> Task<Result<Option<NodeList>, BackendError>>;
}

/// A list that was found and cannot be used: what is held stays. The text is for the operator.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct BackendError(pub String);

/// The backend that the configuration names.
pub(crate) fn open(config: &Config, ctx: &Context) -> Result<Box<dyn Backend>, String> {
    config.validate()?;
    match &config.backend {
        BackendConfig::Local(local) => Ok(Box::new(local::Follower::new(local, ctx.pool().clone())?)),
    }
}
