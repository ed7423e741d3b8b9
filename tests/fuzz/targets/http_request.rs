//! What comes out of TLS at the edge: heads and bodies through the HTTP parser that it stands on, and each body to the
//! parser that its path has.
#![no_main]

use actix_codec::Decoder as _;
use actix_http::{
    ServiceConfig,
    h1::{Codec, Message, MessageType},
};
use bytes::BytesMut;
use libfuzzer_sys::fuzz_target;
use starling_gateway::seed::Question;
use starling_protocol::{onion::peel, storage::request::parse_envelope};
use tokio::{runtime::Builder, task::LocalSet};

thread_local! {
    /// Made once, and where tasks can be spawned: it keeps the date in one, which no parser asks for.
    static CONFIG: ServiceConfig = {
        let runtime = Builder::new_current_thread().enable_time().build().expect("a runtime of one thread");
        LocalSet::new().block_on(&runtime, async { ServiceConfig::default() })
    };
}

fn serve(path: &str, body: &[u8]) {
    match path {
        "/storage_rpc/v1" => drop(parse_envelope(body)),
        "/onion_req/v2" => drop(peel::outer(body)),
        "/json_rpc" => drop(Question::parse(body)),
        _ => {}
    }
}

fuzz_target!(|data: &[u8]| {
    let mut codec = Codec::new(CONFIG.with(Clone::clone));
    let mut bytes = BytesMut::from(data);
    let (mut path, mut body) = (String::new(), Vec::new());
    while let Ok(Some(message)) = codec.decode(&mut bytes) {
        match message {
            Message::Item(request) => {
                path = request.path().to_owned();
                body.clear();
                if codec.message_type() == MessageType::None {
                    serve(&path, &body);
                }
            }
            Message::Chunk(Some(chunk)) => body.extend_from_slice(&chunk),
            Message::Chunk(None) => serve(&path, &body),
        }
        assert!(body.len() <= data.len());
        // A protocol other than HTTP takes over here; nothing of ours reads it.
        if codec.message_type() == MessageType::Stream && codec.upgrade() {
            break;
        }
    }
});
