//! How often the same text comes, from whomever. `repeat/<hash of the text>` keeps the count of the window that runs.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use starling_plugin::{Error, FilterHost, Item};

use crate::{
    finding::{Action, Finding},
    settings::Repeats,
    sweep::Window,
    words,
};

pub(crate) fn judge(host: &FilterHost, rule: &Repeats, item: &Item) -> Result<Option<Finding>, Error> {
    if rule.action == Action::Off || item.body.chars().count() < rule.shortest {
        return Ok(None);
    }
    let count = Window::count(host, &format!("repeat/{}", hash(&item.body)), rule.window)?;
    if count <= rule.most {
        return Ok(None);
    }
    Ok(Finding::new(
        "repeats",
        rule.action,
        format!("the same text has come {count} times, more than {}", rule.most),
    ))
}

/// A number for a text, whatever its dress. A later compiler may have others: then what was counted is forgotten, no more.
fn hash(body: &str) -> String {
    let plain = words::plain(body);
    let mut hasher = DefaultHasher::new();
    // A text of signs alone has no plain form; it is counted as it is.
    if plain.len() > 1 {
        plain.hash(&mut hasher)
    } else {
        body.hash(&mut hasher)
    }
    format!("{:016x}", hasher.finish())
}
