//! What a bot is called for.

use crate::{Command, Event, Host, Message, Outcome};

/// A bot. Every call is one that it may ignore; each that it does not ignore is a method here.
///
/// Calls never overlap, and each is one transaction: when it ends with `Ok`, what it sent leaves and what it stored stays;
/// else nothing of it has happened. A bot is made with `Default` for every call, unless `plugin.toml` says `stateful = true`:
/// then it is kept for as long as the host keeps the instance. What must not be lost belongs into [`Kv`](crate::Kv).
///
/// ```
/// use starling_plugin::{Bot, Host, Message, Outcome, export_bot};
///
/// #[derive(Default)]
/// struct Echo;
///
/// impl Bot for Echo {
///     fn on_message(&mut self, host: &Host, message: Message) -> Outcome {
///         host.outbox().send(message.conversation(), &message.body)?;
///         Ok(())
///     }
/// }
///
/// export_bot!(Echo);
/// # fn main() {}
/// ```
pub trait Bot {
    /// Called once after the plugin was started, updated or granted something else, before its first event.
    fn on_start(&mut self, host: &Host) -> Outcome {
        let _ = host;
        Ok(())
    }

    /// A text came in.
    fn on_message(&mut self, host: &Host, message: Message) -> Outcome {
        let _ = (host, message);
        Ok(())
    }

    /// A text that begins with `/` came in. A plugin whose `events` lack `"command"` gets it as a message.
    fn on_command(&mut self, host: &Host, command: Command) -> Outcome {
        let _ = (host, command);
        Ok(())
    }

    /// Something else happened.
    fn on_event(&mut self, host: &Host, event: Event) -> Outcome {
        let _ = (host, event);
        Ok(())
    }

    /// The timer of that name has fired.
    fn on_timer(&mut self, host: &Host, name: &str) -> Outcome {
        let _ = (host, name);
        Ok(())
    }

    /// Called before [`on_start`](Self::on_start) when the version before this one was another: the place to change what is
    /// stored. Failing keeps that version running.
    fn migrate(&mut self, host: &Host, from_version: &str) -> Outcome {
        let _ = (host, from_version);
        Ok(())
    }
}
