//! A bot that greets who writes, and counts.

use serde::Deserialize;
use starling_plugin::{Arguments, Bot, Command, Commands, Host, Message, Outcome, export_bot};

/// The bot. It is made anew for every call; what must last is kept in the store.
#[derive(Default)]
pub struct Plugin;

/// The `[config]` of `plugin.toml`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Settings {
    greeting: String,
}

impl Bot for Plugin {
    fn on_message(&mut self, host: &Host, message: Message) -> Outcome {
        let settings: Settings = host.config().parse()?;
        let count = host.kv().increment(&count_of(&message), 1)?;
        let text = format!("{}! That was message {count} of yours.", settings.greeting);
        host.outbox().reply(&message.origin, &text)?;
        Ok(())
    }

    fn on_command(&mut self, host: &Host, command: Command) -> Outcome {
        Commands::new("I greet who writes, and count.")
            .on("count", &[], "Says how many messages you have sent.", Self::count)
            .run(self, host, &command)
    }
}

impl Plugin {
    fn count(&mut self, host: &Host, arguments: &Arguments) -> Outcome {
        let message = arguments.message();
        let count = host.kv().increment(&count_of(message), 0)?;
        host.outbox().send(message.conversation(), &format!("You have sent {count}."))?;
        Ok(())
    }
}

/// The key of the store that counts the messages of whoever sent this one.
fn count_of(message: &Message) -> String {
    format!("count/{}", message.author())
}

export_bot!(Plugin);
