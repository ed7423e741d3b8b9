//! Two accounts that have never met exchange a message each way.

use std::time::{Duration, Instant};

use starling::{
    Role, Runtime,
    contracts::{
        accounts::{CreateAccount, Profile},
        inbox::{ListMessages, Poll, SendText, StoredMessage},
    },
};

use super::{
    events::{Person, ReceivedFacts, Reporter, SentFacts},
    place::Place,
};
use crate::{exit::Failure, progress};

const HELLO: &str = "Hello Bob, this came through three hops.";
const ANSWER: &str = "Hello Alice, and so did this.";
/// How long a message that was acknowledged may take to be found.
const FOUND_WITHIN: Duration = Duration::from_secs(30);
/// The pause between two looks.
const LOOK_EVERY: Duration = Duration::from_millis(250);
/// Enough for a demonstration.
const PAGE: usize = 100;

/// Makes alice and bob, lets them talk, and frees their data folders.
pub(crate) async fn show(
    place: &Place,
    overrides: &[String],
    reporter: &Reporter,
) -> Result<(Person, Person), Failure> {
    let alice = Talker::start("alice", place, overrides).await?;
    let outcome = match Talker::start("bob", place, overrides).await {
        Ok(bob) => {
            let outcome = talk(&alice, &bob, reporter).await;
            bob.runtime.stop().await;
            outcome.map(|()| (alice.person.clone(), bob.person))
        }
        Err(failure) => Err(failure),
    };
    alice.runtime.stop().await;
    outcome
}

async fn talk(alice: &Talker, bob: &Talker, reporter: &Reporter) -> Result<(), Failure> {
    reporter.person(&alice.person)?;
    reporter.person(&bob.person)?;
    exchange(alice, bob, HELLO, reporter).await?;
    exchange(bob, alice, ANSWER, reporter).await
}

async fn exchange(from: &Talker, to: &Talker, body: &str, reporter: &Reporter) -> Result<(), Failure> {
    let began = Instant::now();
    let message = SendText { profile: from.profile.clone(), to: to.person.id, body: body.to_owned() };
    let sent = progress::spin("sending", from.runtime.ask(message)).await?;
    let took_ms = began.elapsed().as_millis();
    reporter.sent(&SentFacts {
        event: "sent",
        from: from.profile.as_str(),
        to: to.profile.as_str(),
        body,
        took_ms,
        sent: &sent,
    })?;

    let began = Instant::now();
    let message = progress::spin("receiving", to.wait_for(from, body)).await?;
    let took_ms = began.elapsed().as_millis();
    reporter.received(&ReceivedFacts {
        event: "received",
        profile: to.profile.as_str(),
        took_ms,
        message: &message,
    })
}

/// A client with one account.
struct Talker {
    runtime: Runtime,
    profile: Profile,
    person: Person,
}

impl Talker {
    async fn start(name: &str, place: &Place, overrides: &[String]) -> Result<Self, Failure> {
        let profile: Profile = name.parse().map_err(|error| Failure::usage(format!("{error}")))?;
        let data_dir = place.account(name);
        let mut builder = Runtime::builder()
            .config_file(place.network_file())
            .roles([Role::Client])
            .data_dir(&data_dir)
            .without("gateway");
        for (key, value) in overrides.iter().filter_map(|assignment| assignment.split_once('=')) {
            builder = builder.set(key, value);
        }
        let runtime = builder.start().await?;
        let made = runtime.ask(CreateAccount { profile: profile.clone(), name: None }).await?;
        let person = Person { event: "account", profile: name.to_owned(), id: made.account.id, data_dir };
        Ok(Self { runtime, profile, person })
    }

    /// Asks the swarm until the message is there.
    async fn wait_for(&self, from: &Talker, body: &str) -> Result<StoredMessage, Failure> {
        let clock = self.runtime.kernel().environment().clock.clone();
        let began = clock.elapsed();
        loop {
            let polled = self.runtime.ask(Poll { profile: self.profile.clone() }).await;
            let list = ListMessages { profile: self.profile.clone(), after: 0, limit: PAGE };
            let messages = self.runtime.ask(list).await?;
            if let Some(message) =
                messages.into_iter().find(|message| message.from == from.person.id && message.body == body)
            {
                return Ok(message);
            }
            if clock.elapsed() - began > FOUND_WITHIN {
                polled?;
                return Err(Failure::network(format!(
                    "the message did not reach {} within {FOUND_WITHIN:?}",
                    self.profile
                )));
            }
            clock.sleep(LOOK_EVERY).await;
        }
    }
}
