//! The account that the person at the keyboard speaks as.

use std::{io::BufRead as _, thread, time::Duration};

use starling::{
    Config, Runtime,
    contracts::{
        accounts::{CreateAccount, Profile},
        inbox::{ListMessages, MessageKind, Poll, SendText, StoredMessage},
    },
    protocol::account::AccountId,
};
use tokio::sync::mpsc;

use crate::{
    exit::{Code, Failure},
    inbox::printable,
    output::Output,
};

/// How often the swarm is asked for answers.
const POLL_EVERY: Duration = Duration::from_millis(500);
/// How many messages are read at once.
const PAGE: usize = 100;
/// Lines that may wait to be sent: a person types no faster, and a pipe can wait.
const LINES: usize = 16;

/// A client with one account, which writes to the plugin's.
pub(super) struct Partner {
    runtime: Runtime,
    profile: Profile,
    bot: AccountId,
    lines: mpsc::Receiver<String>,
    /// The last message that was shown.
    shown: u64,
}

impl Partner {
    /// Makes the account, and reads standard input from now on.
    pub(super) async fn start(config: Config, profile: Profile, bot: AccountId) -> Result<Self, Failure> {
        let runtime = Runtime::builder().config(config).without("gateway").start().await?;
        runtime.ask(CreateAccount { profile: profile.clone(), name: None }).await?;
        Ok(Self { runtime, profile, bot, lines: read_lines()?, shown: 0 })
    }

    /// Sends what is typed and shows what is answered, for ever.
    pub(super) async fn talk(&mut self, output: Output) -> Result<(), Failure> {
        let mut poll = tokio::time::interval(POLL_EVERY);
        let mut is_open = true;
        loop {
            tokio::select! {
                line = self.lines.recv(), if is_open => match line {
                    Some(line) => self.send(line, output).await?,
                    None => is_open = false,
                },
                _ = poll.tick() => self.show_new(output).await?,
            }
        }
    }

    async fn send(&self, line: String, output: Output) -> Result<(), Failure> {
        if line.trim().is_empty() {
            return Ok(());
        }
        let message = SendText { profile: self.profile.clone(), to: self.bot, body: line };
        match self.runtime.ask(message).await {
            Ok(_) => Ok(()),
            Err(error) => {
                // The next line may go through.
                Failure::from(error).say(output.is_json());
                Ok(())
            }
        }
    }

    async fn show_new(&mut self, output: Output) -> Result<(), Failure> {
        // What the swarm does not answer now, it answers the next time.
        let _ = self.runtime.ask(Poll { profile: self.profile.clone() }).await;
        let list = ListMessages { profile: self.profile.clone(), after: self.shown, limit: PAGE };
        for message in self.runtime.ask(list).await? {
            self.shown = message.id;
            if message.from == self.bot {
                output.fact(&message, || text(&message))?;
            }
        }
        Ok(())
    }

    pub(super) async fn stop(self) {
        self.runtime.stop().await;
    }
}

fn text(message: &StoredMessage) -> String {
    match message.kind {
        MessageKind::Text => format!("bot: {}", printable(&message.body).replace('\n', "\n     ")),
        _ => "bot: (something without a text)".to_owned(),
    }
}

/// Lines of standard input, read on a thread of their own, which ends with the input or the process.
fn read_lines() -> Result<mpsc::Receiver<String>, Failure> {
    let (told, lines) = mpsc::channel(LINES);
    let read = move || {
        for line in std::io::stdin().lock().lines() {
            let Ok(line) = line else { return };
            if told.blocking_send(line).is_err() {
                return;
            }
        }
    };
    thread::Builder::new()
        .name("starling-keyboard".to_owned())
        .spawn(read)
        .map(|_| lines)
        .map_err(|error| Failure::new(Code::Machine, format!("could not read standard input: {error}")))
}
