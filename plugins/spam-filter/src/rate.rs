//! How much one author writes. `rate/<author>` keeps the count of the window that runs.

use starling_plugin::{Error, FilterHost, Item};

use crate::{
    finding::{Action, Finding},
    settings::Rate,
    sweep::Window,
};

pub(crate) fn judge(host: &FilterHost, rule: &Rate, item: &Item) -> Result<Option<Finding>, Error> {
    if rule.action == Action::Off {
        return Ok(None);
    }
    let count = Window::count(host, &format!("rate/{}", item.author), rule.window)?;
    if count <= rule.most {
        return Ok(None);
    }
    Ok(Finding::new(
        "rate",
        rule.action,
        format!("the author has sent {count} messages of late, more than {}", rule.most),
    ))
}
