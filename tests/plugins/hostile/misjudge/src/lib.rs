//! A filter that misbehaves as the text of the item tells it: `BEHAVIOUR [ARGUMENT]`.

wit_bindgen::generate!({ path: "../../../../sdk-wasm/wit", world: "filter" });

use std::hint::black_box;

use exports::starling::plugin::reviewer::{Guest, Item, Verdict};
use starling::plugin::kv;

struct Misjudge;

impl Guest for Misjudge {
    fn review(item: Item) -> Verdict {
        let (behaviour, argument) = item.body.split_once(' ').unwrap_or((&item.body, ""));
        let number = argument.parse().unwrap_or_default();
        match behaviour {
            "trap" => panic!("as it was told"),
            "spin" => loop {
                black_box(0);
            },
            "hoard" => loop {
                black_box(Box::leak(vec![1_u8; 64 << 10].into_boxed_slice()));
            },
            "trap-after-kv" => {
                kv::increment("reviewed", 1).expect("the store is granted");
                panic!("as it was told")
            }
            "count" => Verdict::Flag(format!("{:?}", kv::increment("reviewed", 1))),
            "long-reason" => Verdict::Reject("x".repeat(number)),
            "replace" => Verdict::Replace("y".repeat(number)),
            "flag" => Verdict::Flag(argument.to_owned()),
            "hold" => Verdict::Hold(argument.to_owned()),
            "reject" => Verdict::Reject(argument.to_owned()),
            _ => Verdict::Allow,
        }
    }
}

export!(Misjudge);
