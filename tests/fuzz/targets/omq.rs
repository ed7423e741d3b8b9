//! The parts of OxenMQ messages, both ways: a line for each part, an understood call is what was asked, and a refusal reads
//! as itself on the other side.
#![no_main]

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use starling_protocol::{
    omq::{Action, Delivery, Incoming, MONITOR, reply, request},
    storage::{monitor, request::parse_params},
};

fuzz_target!(|data: &[u8]| {
    let parts: Vec<_> = data.splitn(4, |byte| *byte == b'\n').map(Bytes::copy_from_slice).collect();
    if let Some(Delivery::Command { name, data }) = Delivery::parse(parts.clone()) {
        assert_eq!(parts, [vec![name], data].concat());
    }
    match Incoming::parse(parts.clone()) {
        Ok(Incoming::Call(call)) => {
            let command = match call.action {
                Action::Storage(method) => {
                    let _ = parse_params(method, call.data.first().map_or(b"", |part| part));
                    format!("storage.{method}")
                }
                Action::Monitor => {
                    let _ = monitor::parse(call.data.first().map_or(b"", |part| part));
                    MONITOR.to_owned()
                }
            };
            assert_eq!(request(&command, &call.tag, call.data.clone()), parts);
            let answer = Delivery::parse(reply(call.tag.clone(), call.data.clone()));
            assert_eq!(answer, Some(Delivery::Reply { tag: call.tag, data: call.data }));
        }
        Ok(_) => {}
        Err(refused) => assert!(matches!(Delivery::parse(refused.encode()), Some(Delivery::Refused(_)))),
    }
});
