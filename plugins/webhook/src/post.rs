//! What is posted, and what an answer means.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use starling_plugin::{Error, Failure, Host, Message, Response, Timestamp};

use crate::settings::Settings;

/// How long a server that is busy is left alone when it does not say.
const PAUSE: Duration = Duration::from_secs(30);
/// How long it is left alone at most, whatever it says.
const LONGEST_PAUSE: Duration = Duration::from_secs(3_600);

/// The body of a request.
#[derive(Serialize)]
struct Posted<'a> {
    id: u64,
    conversation: &'a str,
    author: &'a str,
    sent_at: Timestamp,
    received_at: Timestamp,
    is_request: bool,
    body: &'a str,
}

/// An answer in JSON.
#[derive(Deserialize)]
struct Answer {
    #[serde(default)]
    text: Option<String>,
}

/// Posts a message. A message may be posted again when something behind it failed; its key is the same then.
pub(crate) fn post(host: &Host, settings: &Settings, message: &Message) -> Result<Response, Error> {
    let posted = Posted {
        id: message.id,
        conversation: message.conversation().as_str(),
        author: message.author().as_str(),
        sent_at: message.origin.sent_at,
        received_at: message.received_at,
        is_request: message.is_request,
        body: &message.body,
    };
    let key = format!("{}-{}", message.id, message.received_at.as_millis());
    let mut request = host.http().post(&settings.url).header("idempotency-key", &key);
    if let Some(secret) = &settings.secret {
        request = request.secret_header(&secret.header, &secret.prefix, &secret.name);
    }
    request.json(&posted)?.send()
}

/// The text that an answer asks to send, if it asks for one.
///
/// JSON has it in `text`; another body is the text. A server that is busy or broken is asked again later; one that does not
/// want the message is not.
pub(crate) fn understand(response: &Response) -> Result<Option<String>, Failure> {
    match response.status {
        200..=299 => {}
        408 | 425 | 429 | 500..=599 => {
            return Err(Failure::retry(pause(response), format!("the server answered {}", response.status)));
        }
        status => return Err(Failure::reject(format!("the server answered {status}"))),
    }
    let is_json = response.header("content-type").is_some_and(|kind| kind.starts_with("application/json"));
    let text = if response.body.is_empty() {
        None
    } else if is_json {
        response.json::<Answer>()?.text
    } else {
        Some(response.text()?.to_owned())
    };
    Ok(text.filter(|text| !text.trim().is_empty()))
}

/// How long the server wants to be left alone.
fn pause(response: &Response) -> Duration {
    let seconds = response.header("retry-after").and_then(|seconds| seconds.trim().parse().ok());
    seconds.map_or(PAUSE, Duration::from_secs).min(LONGEST_PAUSE)
}
