//! What who comes to the desk may do.

use starling_plugin::{Arguments, Commands, Conversation, Error, Host, Message, Outcome, rest};

use crate::{Helpdesk, reminders, settings::Settings, staff, tickets::Tickets};

/// The longest question; a longer one would not leave room for what is said around it.
const LONGEST_QUESTION: usize = 1_500;

pub(crate) fn commands(settings: &Settings) -> Commands<Helpdesk> {
    let table = Commands::new(settings.greeting.as_str())
        .on("ask", &[rest("question")], "Asks a person.", ask)
        .on("status", &[], "Shows the question that you have open.", status)
        .on("close", &[], "Takes your question back, or ends the talk about it.", close)
        .on("faq", &[rest("topic").optional()], "Answers that need nobody.", faq);
    reminders::add_commands(table)
}

/// A text without a command: it belongs to an open question, or is answered with what can be done here.
pub(crate) fn says(host: &Host, settings: &Settings, message: &Message) -> Outcome {
    let Some(ticket) = Tickets::new(host).asked_by(message.author())? else {
        let answer = settings.answer(&message.body).map_or_else(
            || format!("{}\n/help lists what I can do, /ask brings you to a person.", settings.greeting),
            str::to_owned,
        );
        host.outbox().send_long(message.conversation(), &answer)?;
        return Ok(());
    };
    let text = format!("#{}: {}", ticket.number, message.body);
    match ticket.server(settings) {
        Some(by) => {
            host.outbox().send_long(&by.into(), &text)?;
        }
        None => staff::tell_all(host, settings, &text)?,
    }
    Ok(())
}

fn ask(_: &mut Helpdesk, host: &Host, arguments: &Arguments) -> Outcome {
    let settings = Settings::read(host)?;
    let message = arguments.message();
    let answer = question(host, &settings, message, arguments.text("question")?)?;
    host.outbox().send(message.conversation(), &answer)?;
    Ok(())
}

/// Opens a ticket when it can be, and says what came of it.
fn question(host: &Host, settings: &Settings, message: &Message, question: &str) -> Result<String, Error> {
    if settings.staff.is_empty() {
        return Ok("Nobody is at this desk who could be asked.".to_owned());
    }
    if question.chars().count() > LONGEST_QUESTION {
        return Ok(format!("Please ask in at most {LONGEST_QUESTION} characters; details can follow."));
    }
    let tickets = Tickets::new(host);
    if let Some(open) = tickets.asked_by(message.author())? {
        let number = open.number;
        return Ok(format!(
            "Your question #{number} is still open. Just write what you want to add, or /close it first."
        ));
    }
    let ticket = tickets.open(message.author(), question, settings.nudge_after)?;
    staff::tell_all(host, settings, &staff::notice(&ticket))?;
    Ok(format!(
        "Your question is #{}. A person will answer here; you may add to it by just writing.",
        ticket.number
    ))
}

fn status(_: &mut Helpdesk, host: &Host, arguments: &Arguments) -> Outcome {
    let settings = Settings::read(host)?;
    let message = arguments.message();
    let text = match Tickets::new(host).asked_by(message.author())? {
        None => "You have no question open. /ask asks one.".to_owned(),
        Some(ticket) => {
            let state =
                if ticket.server(&settings).is_some() { "is being answered" } else { "waits for a person" };
            format!("Your question #{} {state}: {}", ticket.number, ticket.question)
        }
    };
    host.outbox().send_long(message.conversation(), &text)?;
    Ok(())
}

fn close(_: &mut Helpdesk, host: &Host, arguments: &Arguments) -> Outcome {
    let settings = Settings::read(host)?;
    let message = arguments.message();
    let tickets = Tickets::new(host);
    let Some(ticket) = tickets.asked_by(message.author())? else {
        host.outbox().send(message.conversation(), "You have no question open.")?;
        return Ok(());
    };
    tickets.close(&ticket)?;
    if let Some(by) = ticket.server(&settings) {
        host.outbox().send(&by.into(), &format!("#{} was closed by who asked.", ticket.number))?;
    }
    host.outbox().send(message.conversation(), &format!("Question #{} is closed.", ticket.number))?;
    Ok(())
}

fn faq(_: &mut Helpdesk, host: &Host, arguments: &Arguments) -> Outcome {
    let settings = Settings::read(host)?;
    let to = arguments.message().conversation();
    if !arguments.has("topic") {
        return list_topics(host, &settings, to);
    }
    let topic = arguments.text("topic")?;
    let text = settings
        .answer(topic)
        .unwrap_or("I have no answer to that. /faq lists what I know, /ask asks a person.");
    host.outbox().send_long(to, text)?;
    Ok(())
}

fn list_topics(host: &Host, settings: &Settings, to: &Conversation) -> Outcome {
    let topics: Vec<&str> = settings.answers.keys().map(String::as_str).collect();
    let text = match topics.as_slice() {
        [] => "I have no answers of my own. /ask asks a person.".to_owned(),
        topics => format!("I know about: {}.\n/faq and one of them tells you.", topics.join(", ")),
    };
    host.outbox().send_long(to, &text)?;
    Ok(())
}
