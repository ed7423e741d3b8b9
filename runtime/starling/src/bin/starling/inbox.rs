//! `starling inbox`.

use std::time::Duration;

use serde_json::json;
use starling::{
    Runtime,
    contracts::{
        accounts::Profile,
        inbox::{
            DiscardHeld, ListHeld, ListMessages, MessageKind, Poll, ReleaseHeld, ReviewMark, StoredMessage,
        },
    },
};

use crate::{
    arguments::{Global, Inbox},
    client::{self, Interruptible, Plugins},
    exit::{Code, Failure},
    output::Output,
    progress,
};

/// How many messages are read at once.
const PAGE: usize = 200;
/// How long `--follow` waits between two questions to the swarm.
const POLL_EVERY: Duration = Duration::from_secs(3);

pub(crate) async fn inbox(global: &Global, options: &Inbox) -> Result<(), Failure> {
    let profile = client::profile(&options.profile)?;
    let mut verb = Interruptible::begin(None)?;
    let runtime = verb.prepare(client::online(global, Plugins::Run)).await?;
    let output = Output::new(global.json);
    verb.with(runtime, async |runtime| {
        if let Some(id) = options.release {
            let released = runtime.ask(ReleaseHeld { profile, id }).await?;
            return output.fact(&released, || line(&released));
        }
        if let Some(id) = options.discard {
            runtime.ask(DiscardHeld { profile, id }).await?;
            return output.fact(&json!({ "discarded": id }), || format!("discarded  {id}"));
        }
        let mut reader = Reader { runtime, profile, output, printed: 0 };
        if options.held {
            return reader.print_held().await;
        }
        if options.new {
            reader.skip_stored().await?;
        }
        if options.follow { reader.follow(global.json).await } else { reader.fetch_and_print().await }
    })
    .await
}

/// Prints each message once, in the order of arrival.
struct Reader<'a> {
    runtime: &'a Runtime,
    profile: Profile,
    output: Output,
    /// The id of the last message that was printed or passed over.
    printed: u64,
}

impl Reader<'_> {
    /// Asks the swarm once. What is stored here is printed even if it cannot be reached.
    async fn fetch_and_print(&mut self) -> Result<(), Failure> {
        let polled =
            progress::spin("asking the swarm", self.runtime.ask(Poll { profile: self.profile.clone() }))
                .await;
        self.print_stored().await?;
        polled?;
        Ok(())
    }

    /// Goes on until something other than the network fails.
    async fn follow(&mut self, json: bool) -> Result<(), Failure> {
        let clock = self.runtime.kernel().environment().clock.clone();
        let mut is_reachable = true;
        loop {
            match self.fetch_and_print().await {
                Ok(()) => is_reachable = true,
                Err(failure) if failure.code() == Code::Network => {
                    // Said once: the next question may be answered again.
                    if is_reachable {
                        failure.say(json);
                    }
                    is_reachable = false;
                }
                Err(failure) => return Err(failure),
            }
            clock.sleep(POLL_EVERY).await;
        }
    }

    async fn skip_stored(&mut self) -> Result<(), Failure> {
        while let Some(last) = self.page().await?.last() {
            self.printed = last.id;
        }
        Ok(())
    }

    async fn print_stored(&mut self) -> Result<(), Failure> {
        loop {
            let page = self.page().await?;
            if page.is_empty() {
                return Ok(());
            }
            for message in &page {
                self.output.fact(message, || line(message))?;
                self.printed = message.id;
            }
        }
    }

    /// What filters have put aside, each with the number by which it is released or discarded.
    async fn print_held(&mut self) -> Result<(), Failure> {
        loop {
            let list = ListHeld { profile: self.profile.clone(), after: self.printed, limit: PAGE };
            let page = self.runtime.ask(list).await?;
            if page.is_empty() {
                return Ok(());
            }
            for message in &page {
                self.output.fact(message, || format!("held {}  {}", message.id, line(message)))?;
                self.printed = message.id;
            }
        }
    }

    async fn page(&self) -> Result<Vec<StoredMessage>, Failure> {
        let list = ListMessages { profile: self.profile.clone(), after: self.printed, limit: PAGE };
        Ok(self.runtime.ask(list).await?)
    }
}

/// A message for people: who wrote it to whom, what a filter had to say of it, and what it says.
fn line(message: &StoredMessage) -> String {
    let StoredMessage { from, conversation, body, sent_at, kind, review, .. } = message;
    let time = time(*sent_at);
    let who = if from == conversation { from.to_string() } else { format!("me -> {conversation}") };
    let mark = review.as_ref().map(mark).unwrap_or_default();
    match kind {
        MessageKind::Text => format!("{time}  {who}{mark}\n  {}", printable(body).replace('\n', "\n  ")),
        MessageKind::Unsupported => format!(
            "{time}  {who}\n  (a message of a later version; it is kept, and readable after an update)"
        ),
        _ => format!("{time}  {who}\n  (no text)"),
    }
}

/// A line of its own: a text of the person who wrote must not look like it.
fn mark(ReviewMark { reason, replaced }: &ReviewMark) -> String {
    let reason = printable(reason).replace('\n', " ");
    let replaced = if *replaced { "; the text is not the author's" } else { "" };
    format!("\n! {reason}{replaced}")
}

/// The author's time. Authors may write any number; years of five digits have no usual form.
pub(crate) fn time(sent_at: u64) -> String {
    const LAST: u64 = 253_402_300_799;
    match sent_at / 1000 {
        seconds @ ..=LAST => {
            humantime::format_rfc3339_seconds(std::time::UNIX_EPOCH + Duration::from_secs(seconds))
                .to_string()
        }
        _ => "(no usable time)".to_owned(),
    }
}

/// A stranger's text as a terminal may show it: what would move the cursor, change colours or turn the direction of the line is
/// written out as its number.
pub(crate) fn printable(text: &str) -> String {
    let is_direction = |letter| matches!(letter, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    let mut shown = String::with_capacity(text.len());
    for letter in text.chars() {
        if (letter.is_control() && letter != '\n' && letter != '\t') || is_direction(letter) {
            shown.extend(letter.escape_unicode());
        } else {
            shown.push(letter);
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_cannot_steer_the_terminal() {
        assert_eq!(
            printable("a\u{1b}[31mb\u{7}\r\u{202e}c\nd\te \u{e9}"),
            "a\\u{1b}[31mb\\u{7}\\u{d}\\u{202e}c\nd\te \u{e9}"
        );
    }

    #[test]
    fn what_a_filter_said_stands_on_a_line_that_no_text_can_have() {
        let message: StoredMessage = serde_json::from_value(json!({
            "id": 3, "hash": "aZAwLUV0JcxbL6NxwfqfYD2JxvjE8sY7Fm+crd9gg/o",
            "from": format!("05{}", "11".repeat(32)), "conversation": format!("05{}", "11".repeat(32)),
            "body": "one\n! fake", "sent_at": 0, "received_at": 1, "kind": "text",
            "review": { "reason": "spam: links\n  x", "replaced": true },
        }))
        .unwrap();

        let lines: Vec<String> = line(&message).lines().skip(1).map(str::to_owned).collect();

        assert_eq!(lines, ["! spam: links   x; the text is not the author's", "  one", "  ! fake"]);
    }

    #[test]
    fn any_number_is_a_time_or_said_to_be_none() {
        assert_eq!(time(1_795_400_552_481), "2026-11-23T02:22:32Z");
        assert_eq!(time(253_402_300_799_999), "9999-12-31T23:59:59Z");
        assert_eq!(time(253_402_300_800_000), "(no usable time)");
        assert_eq!(time(u64::MAX), "(no usable time)");
    }
}
