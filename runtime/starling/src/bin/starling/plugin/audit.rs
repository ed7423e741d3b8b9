//! `starling plugin audit`: the receipts of a plugin, and whether their chain is whole.

use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::json;
use starling_sandbox::receipts::{self, Receipt};

use super::{arguments::Audit, installed};
use crate::{
    arguments::Global,
    exit::{Code, Failure},
    inbox,
    output::Output,
};

pub(super) fn audit(global: &Global, output: Output, options: &Audit) -> Result<(), Failure> {
    let folder = installed::folder(global)?;
    let name = installed::known(&folder, &options.plugin.name)?;
    let path = folder.receipts(&name);
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let since = options.since.map_or(0, |since| now.saturating_sub(since).as_millis());
    let receipts = receipts::read(&path, u64::try_from(since).unwrap_or(u64::MAX));
    for receipt in receipts.map_err(|error| Failure::machine(error.to_string()))? {
        output.fact(&receipt, || text(&receipt))?;
    }
    match receipts::verify(&path) {
        Ok(verified) => {
            let facts = json!({ "whole": true, "lines": verified.lines, "first": verified.first, "head": verified.head });
            output.fact(&facts, || {
                format!(
                    "the chain is whole: {} lines are left, and the last has the hash {}",
                    verified.lines, verified.head
                )
            })
        }
        Err(error) => Err(Failure::new(Code::Other, format!("the receipts were altered: {error}"))),
    }
}

fn text(receipt: &Receipt) -> String {
    let Receipt { at_ms, import, grant, target, outcome, count, .. } = receipt;
    let times = if *count == 1 { String::new() } else { format!("  {count} times") };
    let target = if target.is_empty() { String::new() } else { format!("  {}", inbox::printable(target)) };
    let by = if grant.is_empty() { String::new() } else { format!(" by {grant}") };
    format!("{}  {outcome:16} {import}{by}{target}{times}", inbox::time(*at_ms))
}
