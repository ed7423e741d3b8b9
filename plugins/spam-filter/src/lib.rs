//! Judges what comes in by lists, links, words, rate and repetition.
//!
//! - [`SpamFilter`]: the filter; it asks the rules and passes the strictest finding on.
//! - `settings`: what the operator sets, rule by rule.
//! - `lists`, `links`, `words`, `contacts`: rules that look at one item, pure.
//! - `rate`, `repeats`: rules that remember, in the store; `sweep` forgets what is over.
//! - `tally`: counting and logging, all that happens in shadow mode.

mod contacts;
mod finding;
mod links;
mod lists;
mod rate;
mod repeats;
mod settings;
mod sweep;
mod tally;
mod words;

use starling_plugin::{Error, Filter, FilterHost, Item, Verdict, export_filter};

use crate::{finding::Finding, settings::Settings};

/// The filter. It keeps nothing between calls: all of it is in the store.
#[derive(Default)]
pub struct SpamFilter;

impl Filter for SpamFilter {
    fn review(&mut self, host: &FilterHost, item: Item) -> Result<Verdict, Error> {
        let settings: Settings = host.config().parse()?;
        sweep::sometimes(host, &settings)?;
        if lists::is_allowed(&settings, &item) {
            return Ok(Verdict::Allow);
        }
        let Some(finding) = strictest(host, &settings, &item)? else { return Ok(Verdict::Allow) };
        tally::count(host, settings.shadow, &finding)?;
        Ok(if settings.shadow { Verdict::Allow } else { finding.into_verdict() })
    }
}

/// The strictest finding of all rules. All are asked, for those that remember have to see every item.
fn strictest(host: &FilterHost, settings: &Settings, item: &Item) -> Result<Option<Finding>, Error> {
    let findings = [
        lists::judge(settings, item),
        links::judge(&settings.links, item),
        words::judge(&settings.words, item),
        contacts::judge(&settings.requests, item),
        rate::judge(host, &settings.rate, item)?,
        repeats::judge(host, &settings.repeats, item)?,
    ];
    Ok(findings.into_iter().flatten().max_by_key(|finding| finding.action))
}

export_filter!(SpamFilter);
