//! Says back what it is told.

use starling_plugin::{Bot, Host, Message, Outcome, export_bot};

/// The bot.
#[derive(Default)]
pub struct Echo;

impl Bot for Echo {
    fn on_message(&mut self, host: &Host, message: Message) -> Outcome {
        host.outbox().send(message.conversation(), &message.body)?;
        Ok(())
    }
}

export_bot!(Echo);
