//! What the people at the desk may do, and how they are told.

use starling_plugin::{
    Arguments, Commands, Conversation, Error, Host, Message, Outcome, Timestamp, duration, number, rest,
};

use crate::{
    Helpdesk, reminders,
    settings::Settings,
    tickets::{Ticket, Tickets},
};

/// How many tickets `/open` lists.
const LISTED: usize = 20;
/// How much of a question is shown in a list, in characters.
const SHOWN: usize = 80;

pub(crate) fn commands() -> Commands<Helpdesk> {
    let table = Commands::new(
        "You are at the desk. While you have a question taken, what you write goes to who asked it.",
    )
    .on("open", &[], "Lists the open questions.", open)
    .on("take", &[number("number").optional()], "Takes a question, the oldest when none is named.", take)
    .on("answer", &[number("number"), rest("text")], "Answers a question without taking it.", answer)
    .on("back", &[], "Puts the question that you have taken back.", back)
    .on(
        "close",
        &[number("number").optional()],
        "Closes a question, the one you have taken when none is named.",
        close,
    );
    reminders::add_commands(table)
}

/// A text without a command: it goes to whose question is taken.
pub(crate) fn says(host: &Host, message: &Message) -> Outcome {
    match Tickets::new(host).served_by(message.author())? {
        Some(ticket) => host.outbox().send_long(&(&ticket.asker).into(), &message.body)?,
        None => host.outbox().send_long(
            message.conversation(),
            "You have no question taken: /open lists them, /take takes one.",
        )?,
    };
    Ok(())
}

/// Tells everybody at the desk. Who cannot be reached is left out, as long as somebody can be.
pub(crate) fn tell_all(host: &Host, settings: &Settings, text: &str) -> Result<(), Error> {
    let mut told = 0;
    let mut refused = None;
    for account in &settings.staff {
        match host.outbox().send_long(&account.into(), text) {
            Ok(_) => told += 1,
            Err(error @ Error::AccessDenied { .. }) => refused = Some(error),
            Err(error) => return Err(error),
        }
    }
    match refused {
        Some(error) if told == 0 => Err(error),
        Some(_) => {
            host.log().warn("some of `staff` cannot be written to: grant send:direct, or let them write to this account first");
            Ok(())
        }
        None => Ok(()),
    }
}

/// What the staff is told of a new question.
pub(crate) fn notice(ticket: &Ticket) -> String {
    let Ticket { number, asker, question, .. } = ticket;
    format!(
        "#{number} from {asker}:\n{question}\n/take {number} takes it, /answer {number} answers it at once."
    )
}

/// Tells the staff again of a question that waits.
pub(crate) fn nudge(host: &Host, settings: &Settings, ticket: &Ticket) -> Outcome {
    let waited = duration::format(host.clock().now()?.since(ticket.asked_at));
    let text = format!("#{} has waited for {waited}: {}", ticket.number, shortened(&ticket.question));
    Ok(tell_all(host, settings, &text)?)
}

fn open(_: &mut Helpdesk, host: &Host, arguments: &Arguments) -> Outcome {
    let settings = Settings::read(host)?;
    let now = host.clock().now()?;
    let tickets = Tickets::new(host).oldest(LISTED)?;
    let lines: Vec<String> = tickets.iter().map(|ticket| line(&settings, ticket, now)).collect();
    let text = if lines.is_empty() { "No question is open.".to_owned() } else { lines.join("\n") };
    host.outbox().send_long(arguments.message().conversation(), &text)?;
    Ok(())
}

fn line(settings: &Settings, ticket: &Ticket, now: Timestamp) -> String {
    let age = duration::format(now.since(ticket.asked_at));
    let taken = if ticket.server(settings).is_some() { ", taken" } else { "" };
    format!("#{} ({age}{taken}) {}", ticket.number, shortened(&ticket.question))
}

fn take(_: &mut Helpdesk, host: &Host, arguments: &Arguments) -> Outcome {
    let settings = Settings::read(host)?;
    let message = arguments.message();
    let tickets = Tickets::new(host);
    let to = message.conversation();
    if let Some(ticket) = tickets.served_by(message.author())? {
        return say(host, to, &format!("You have #{} taken: /close or /back first.", ticket.number));
    }
    let chosen = if arguments.has("number") {
        tickets.find(arguments.number("number")?)?
    } else {
        tickets.oldest(LISTED)?.into_iter().find(|ticket| ticket.server(&settings).is_none())
    };
    match chosen {
        None => say(host, to, "There is no such question open."),
        Some(ticket) if ticket.server(&settings).is_some() => {
            say(host, to, &format!("#{} is taken.", ticket.number))
        }
        Some(ticket) => {
            let ticket = tickets.take(ticket, message.author())?;
            say(
                host,
                &(&ticket.asker).into(),
                &format!("A person is here for your question #{}.", ticket.number),
            )?;
            let text = format!(
                "#{} is yours. What you write now goes to who asked:\n{}",
                ticket.number, ticket.question
            );
            say(host, to, &text)
        }
    }
}

fn answer(_: &mut Helpdesk, host: &Host, arguments: &Arguments) -> Outcome {
    let to = arguments.message().conversation();
    match Tickets::new(host).find(arguments.number("number")?)? {
        None => say(host, to, "There is no such question open."),
        Some(ticket) => {
            say(host, &(&ticket.asker).into(), arguments.text("text")?)?;
            say(host, to, &format!("Sent. /close {} closes the question.", ticket.number))
        }
    }
}

fn back(_: &mut Helpdesk, host: &Host, arguments: &Arguments) -> Outcome {
    let message = arguments.message();
    let tickets = Tickets::new(host);
    match tickets.served_by(message.author())? {
        None => say(host, message.conversation(), "You have no question taken."),
        Some(ticket) => {
            let number = ticket.number;
            tickets.put_back(ticket, Settings::read(host)?.nudge_after)?;
            say(host, message.conversation(), &format!("#{number} waits again."))
        }
    }
}

fn close(_: &mut Helpdesk, host: &Host, arguments: &Arguments) -> Outcome {
    let message = arguments.message();
    let tickets = Tickets::new(host);
    let chosen = if arguments.has("number") {
        tickets.find(arguments.number("number")?)?
    } else {
        tickets.served_by(message.author())?
    };
    let Some(ticket) = chosen else {
        return say(host, message.conversation(), "There is no such question open.");
    };
    tickets.close(&ticket)?;
    say(
        host,
        &(&ticket.asker).into(),
        &format!("Your question #{} is closed. /ask asks another.", ticket.number),
    )?;
    say(host, message.conversation(), &format!("#{} is closed.", ticket.number))
}

fn say(host: &Host, to: &Conversation, text: &str) -> Outcome {
    host.outbox().send_long(to, text)?;
    Ok(())
}

/// The beginning of a question, in one line.
fn shortened(question: &str) -> String {
    let line = question.split_whitespace().collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line,
    }
}
