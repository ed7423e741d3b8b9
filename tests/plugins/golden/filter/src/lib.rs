//! Gives each verdict when the text asks for it, and calls every import of a filter on the way.

wit_bindgen::generate!({ path: "../../../../sdk-wasm/wit", world: "filter" });

use exports::starling::plugin::reviewer::{Guest, Item, Place, Verdict};
use starling::plugin::{clock, config, identity, kv, log, random, types::Error};

struct Filter;

impl Guest for Filter {
    fn review(item: Item) -> Verdict {
        match everything(&item) {
            Ok(()) => {}
            Err(error) => return Verdict::Reject(format!("{error:?}")),
        }
        match item.body.as_str() {
            "flag" => Verdict::Flag("as asked".to_owned()),
            "hold" => Verdict::Hold("as asked".to_owned()),
            "reject" => Verdict::Reject("as asked".to_owned()),
            "replace" => Verdict::Replace("replaced".to_owned()),
            _ => Verdict::Allow,
        }
    }
}

fn everything(item: &Item) -> Result<(), Error> {
    let place = match &item.place {
        Place::Inbox => "inbox",
        Place::Room(room) => room,
    };
    let count = kv::increment("reviewed", 1)?;
    let settings = config::get_all()?;
    let (now, number, own) = (clock::now()?, random::number()?, identity::own_id()?);
    let line =
        format!("{place} {} {} {count} {settings} {now} {number} {own}", item.is_request, item.attachments);
    log::write(log::Level::Info, &line)
}

export!(Filter);
