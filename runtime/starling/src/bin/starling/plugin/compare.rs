//! `starling plugin compare`: two filters judge the same recorded traffic.

use std::{collections::BTreeMap, path::Path};

use serde::Serialize;
use serde_json::json;
use starling_sandbox::{
    Moment, Sandbox,
    event::{Event, Item, Outcome, Verdict},
    script::{Rehearsal, Seated},
};

use super::{
    arguments::Compare,
    project::{self, Project},
    replay,
};
use crate::{arguments::Global, exit::Failure, output::Output, settings};

/// So much of a text is shown, in characters.
const SHOWN: usize = 60;

pub(super) async fn compare(global: &Global, output: Output, options: &Compare) -> Result<(), Failure> {
    let mut traffic = replay::open(&options.traffic)?;
    let sandbox = project::sandbox(&settings::load(global)?.value.sandbox)?;
    let mut old = Judge::open(&sandbox, &options.old)?;
    let mut new = Judge::open(&sandbox, &options.new)?;
    let mut tally = Tally::default();
    while let Some(take) = traffic.next_take().map_err(|error| Failure::usage(error.to_string()))? {
        let moment = take.moment();
        let Event::Review { item } = take.event else { continue };
        let verdicts = [old.judge(&item, &moment).await, new.judge(&item, &moment).await];
        if let Some(difference) = tally.count(&item, verdicts) {
            output.fact(&difference, || difference.text())?;
        }
    }
    if tally.items == 0 {
        return Err(Failure::usage(format!(
            "{} has no reviews in it: expected the recording of a filter",
            options.traffic.display()
        )));
    }
    output.fact(
        &json!({ "items": tally.items, "different": tally.different(), "changes": tally.rows() }),
        || tally.text(),
    )
}

/// A filter with a store of its own.
struct Judge {
    seated: Seated,
    rehearsal: Rehearsal,
}

impl Judge {
    fn open(sandbox: &Sandbox, source: &Path) -> Result<Self, Failure> {
        let project = Project::open(source)?;
        if project.manifest.world != starling_sandbox::manifest::World::Filter {
            return Err(Failure::usage(format!(
                "{} is no filter: only filters are compared",
                source.display()
            )));
        }
        let rehearsal = Rehearsal::new(&project.manifest, &project.manifest.permissions, &toml::Table::new());
        Ok(Self { seated: project.seat(&project.load(sandbox)?), rehearsal })
    }

    async fn judge(&mut self, item: &Item, moment: &Moment) -> Judged {
        let event = Event::Review { item: item.clone() };
        let rehearsed = self.rehearsal.call(&mut self.seated, &event, moment).await;
        let name = match &rehearsed.outcome {
            Ok(Outcome::Judged(verdict)) => name(verdict),
            Ok(_) => "nothing",
            Err(fault) => fault.kind.name(),
        };
        Judged { name, told: rehearsed.ended }
    }
}

/// What one filter says of one item.
#[derive(Debug, Serialize)]
struct Judged {
    name: &'static str,
    told: String,
}

fn name(verdict: &Verdict) -> &'static str {
    match verdict {
        Verdict::Allow => "allow",
        Verdict::Flag(_) => "flag",
        Verdict::Hold(_) => "hold",
        Verdict::Reject(_) => "reject",
        Verdict::Replace(_) => "replace",
    }
}

/// An item that is judged otherwise.
#[derive(Debug, Serialize)]
struct Difference {
    item: u64,
    author: String,
    body: String,
    old: Judged,
    new: Judged,
}

impl Difference {
    fn text(&self) -> String {
        let author: String = self.author.chars().take(8).collect();
        let body: String = self.body.chars().take(SHOWN).collect();
        let dots = if body.len() < self.body.len() { "…" } else { "" };
        format!("item {}  {author}  {body:?}{dots}\n  - {}\n  + {}", self.item, self.old.told, self.new.told)
    }
}

/// How often which verdict became which.
#[derive(Debug, Default)]
struct Tally {
    items: u64,
    changes: BTreeMap<(&'static str, &'static str), u64>,
}

impl Tally {
    /// Counts two verdicts; a difference of reasons alone is none.
    fn count(&mut self, item: &Item, [old, new]: [Judged; 2]) -> Option<Difference> {
        self.items += 1;
        *self.changes.entry((old.name, new.name)).or_default() += 1;
        (old.name != new.name).then(|| Difference {
            item: self.items,
            author: item.author.clone(),
            body: item.body.clone(),
            old,
            new,
        })
    }

    fn different(&self) -> u64 {
        self.changes.iter().filter(|((old, new), _)| old != new).map(|(_, count)| count).sum()
    }

    fn rows(&self) -> Vec<serde_json::Value> {
        let row =
            |((old, new), count): (&(&str, &str), &u64)| json!({ "old": old, "new": new, "count": count });
        self.changes.iter().map(row).collect()
    }

    fn text(&self) -> String {
        let mut lines = vec![format!("{:10} {:10} {:>8}", "old", "new", "items")];
        lines.extend(self.changes.iter().map(|((old, new), count)| format!("{old:10} {new:10} {count:>8}")));
        lines.push(format!("{} of {} items are judged otherwise", self.different(), self.items));
        lines.join("\n")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn verdicts_are_counted_by_what_became_of_them() {
        let item = Item {
            room: None,
            conversation: "05".to_owned(),
            author: "05abcdef0123".to_owned(),
            sent_at: 0,
            body: "buy \u{1b}now".to_owned(),
            is_request: true,
            attachments: 0,
        };
        let judged = |name| Judged { name, told: format!("judged: {name}") };
        let mut tally = Tally::default();

        assert!(tally.count(&item, [judged("allow"), judged("allow")]).is_none());
        let difference = tally.count(&item, [judged("allow"), judged("reject")]).unwrap();

        assert_eq!(
            difference.text(),
            "item 2  05abcdef  \"buy \\u{1b}now\"\n  - judged: allow\n  + judged: reject"
        );
        assert_eq!((tally.items, tally.different()), (2, 1));
        assert!(tally.text().contains("allow      reject            1"), "{}", tally.text());
    }
}
