//! Counting and logging. `count/<rule>/<action>` is how often a rule was the strictest, in shadow mode too.

use starling_plugin::{Error, FilterHost};

use crate::finding::Finding;

/// Counts a finding and writes it to the log, which names neither the author nor the text.
pub(crate) fn count(host: &FilterHost, is_shadow: bool, finding: &Finding) -> Result<(), Error> {
    let (rule, action) = (finding.rule, finding.action.name());
    let count = host.kv().increment(&format!("count/{rule}/{action}"), 1)?;
    let would = if is_shadow { "would " } else { "" };
    host.log().info(format!("{would}{action} by {rule}: {} ({count} so far)", finding.reason));
    Ok(())
}
