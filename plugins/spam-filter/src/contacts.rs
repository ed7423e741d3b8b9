//! What people may write who have never been written to.

use starling_plugin::Item;

use crate::{finding::Finding, links, settings::Requests};

pub(crate) fn judge(rule: &Requests, item: &Item) -> Option<Finding> {
    if !item.is_request {
        return None;
    }
    let length = item.body.chars().count();
    let by_link = (!links::hosts(&item.body).is_empty())
        .then(|| Finding::new("requests.links", rule.link_action, "a stranger sends a link"));
    let by_attachment = (item.attachments > 0).then(|| {
        Finding::new("requests.attachments", rule.attachment_action, "a stranger sends an attachment")
    });
    let by_length = (length > rule.longest)
        .then(|| Finding::new("requests.length", rule.length_action, "a stranger writes much"));
    let findings = [by_link, by_attachment, by_length];
    findings.into_iter().flatten().flatten().max_by_key(|finding| finding.action)
}
