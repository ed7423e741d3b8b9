//! A desk where people ask: it knows some answers, reminds, and hands over to a person.
//!
//! - [`Helpdesk`]: the bot; it decides who is talked to, a visitor or one of the staff.
//! - `tickets`: questions that wait for a person, as they are stored.
//! - `visitor`, `staff`: what either may do.
//! - `reminders`: what anybody may be reminded of.

mod reminders;
mod settings;
mod staff;
mod tickets;
mod visitor;

use starling_plugin::{Bot, Command, Host, Message, Outcome, export_bot};

use crate::{settings::Settings, tickets::Tickets};

/// The bot. It keeps nothing between calls: all of it is in the store.
#[derive(Default)]
pub struct Helpdesk;

impl Bot for Helpdesk {
    fn on_start(&mut self, host: &Host) -> Outcome {
        let settings = Settings::read(host)?;
        if settings.staff.is_empty() {
            host.log().warn("`staff` is empty: questions cannot be handed over to anybody");
        }
        Ok(())
    }

    fn on_message(&mut self, host: &Host, message: Message) -> Outcome {
        let settings = Settings::read(host)?;
        if settings.is_staff(message.author()) {
            staff::says(host, &message)
        } else {
            visitor::says(host, &settings, &message)
        }
    }

    fn on_command(&mut self, host: &Host, command: Command) -> Outcome {
        let settings = Settings::read(host)?;
        let commands = if settings.is_staff(command.message.author()) {
            staff::commands()
        } else {
            visitor::commands(&settings)
        };
        commands.run(self, host, &command)
    }

    fn on_timer(&mut self, host: &Host, name: &str) -> Outcome {
        if reminders::is_reminder(name) {
            return reminders::fire(host, name);
        }
        match Tickets::new(host).of_timer(name)? {
            Some(ticket) => staff::nudge(host, &Settings::read(host)?, &ticket),
            None => Ok(()),
        }
    }
}

export_bot!(Helpdesk);
