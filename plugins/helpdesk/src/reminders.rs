//! Being reminded: one timer and one key of the store for each, of the same name.
//!
//! ```text
//! remind/<account>/00000003   what account wants to be reminded of, as text
//! reminders                   the number of the newest reminder
//! ```

use starling_plugin::{AccountId, Arguments, Commands, Error, Host, Outcome, Timer, duration, number, rest};

use crate::{Helpdesk, settings::Settings};

const PREFIX: &str = "remind/";

/// The longest text to be reminded of; it has to fit into a message with what is said around it.
const LONGEST: usize = 1_500;

/// Adds what anybody may do.
pub(crate) fn add_commands(table: Commands<Helpdesk>) -> Commands<Helpdesk> {
    table
        .on("remind", &[duration("when"), rest("what")], "Reminds you.", remind)
        .on("reminders", &[], "Lists what you will be reminded of.", list)
        .on("forget", &[number("number")], "Takes a reminder back.", forget)
}

/// Whether a timer is a reminder.
pub(crate) fn is_reminder(timer: &str) -> bool {
    timer.starts_with(PREFIX)
}

/// Reminds who wanted to be.
pub(crate) fn fire(host: &Host, timer: &str) -> Outcome {
    let account = timer.strip_prefix(PREFIX).and_then(|behind| behind.split('/').next()).unwrap_or_default();
    let (Ok(account), Some(what)) = (AccountId::parse(account), host.kv().get_text(timer)?) else {
        host.log().warn("a reminder fired that is not in the store");
        return Ok(());
    };
    host.kv().delete(timer)?;
    host.outbox().send(&account.into(), &format!("You wanted to be reminded: {what}"))?;
    Ok(())
}

fn remind(_: &mut Helpdesk, host: &Host, arguments: &Arguments) -> Outcome {
    let settings = Settings::read(host)?;
    let text = set(host, &settings, arguments)?;
    host.outbox().send(arguments.message().conversation(), &text)?;
    Ok(())
}

/// Sets a reminder when it can be, and says what came of it.
fn set(host: &Host, settings: &Settings, arguments: &Arguments) -> Result<String, Error> {
    let (when, what) = (arguments.duration("when")?, arguments.text("what")?);
    if when > settings.longest_reminder {
        return Ok(format!("That is too far off: at most {}.", duration::format(settings.longest_reminder)));
    }
    if what.chars().count() > LONGEST {
        return Ok(format!("That is too long: at most {LONGEST} characters."));
    }
    let author = arguments.message().author();
    if timers(host, author)?.len() >= settings.reminders {
        return Ok("You have as many reminders as you may. /reminders lists them, /forget takes one back."
            .to_owned());
    }
    let number = host.kv().increment("reminders", 1)?;
    let name = name(author, number);
    host.kv().set_text(&name, what)?;
    host.timers().set(&name, when)?;
    Ok(format!("In {}. (/forget {number} takes it back.)", duration::format(when)))
}

fn list(_: &mut Helpdesk, host: &Host, arguments: &Arguments) -> Outcome {
    let message = arguments.message();
    let now = host.clock().now()?;
    let mut lines = Vec::new();
    for timer in timers(host, message.author())? {
        let what = host.kv().get_text(&timer.name)?.unwrap_or_default();
        let number = timer.name.rsplit('/').next().unwrap_or_default().trim_start_matches('0');
        lines.push(format!("{number}. in {}: {what}", duration::format(timer.due_at.since(now))));
    }
    let text =
        if lines.is_empty() { "There is nothing to remind you of.".to_owned() } else { lines.join("\n") };
    host.outbox().send_long(message.conversation(), &text)?;
    Ok(())
}

fn forget(_: &mut Helpdesk, host: &Host, arguments: &Arguments) -> Outcome {
    let message = arguments.message();
    let name = name(message.author(), arguments.number("number")?);
    let was_set = host.timers().cancel(&name)?;
    host.kv().delete(&name)?;
    let text = if was_set { "Forgotten." } else { "You have no reminder of that number." };
    host.outbox().send(message.conversation(), text)?;
    Ok(())
}

/// An account's reminders. The host lists at most 100, and nobody may have more.
fn timers(host: &Host, account: &AccountId) -> Result<Vec<Timer>, Error> {
    host.timers().list(&format!("{PREFIX}{account}/"), None)
}

fn name(account: &AccountId, number: i64) -> String {
    format!("{PREFIX}{account}/{number:08}")
}
