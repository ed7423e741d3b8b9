//! Questions that wait for a person.
//!
//! ```text
//! ticket/00000007       a ticket, as JSON; its number has eight digits, so that keys stand in the order of asking
//! tickets               the number of the newest ticket
//! asks/<account>        the number of the ticket that an account has open, if it has
//! serves/<account>      the number of the ticket that one of the staff has taken, if they have
//! ```
//!
//! A ticket waits until it is taken or closed; a taken one goes back to waiting or is closed. A closed one is deleted.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use starling_plugin::{AccountId, Error, Host, Timestamp};

use crate::settings::Settings;

/// A question that is open.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Ticket {
    pub(crate) number: i64,
    pub(crate) asker: AccountId,
    pub(crate) question: String,
    pub(crate) asked_at: Timestamp,
    /// Who of the staff has taken it.
    pub(crate) taken_by: Option<AccountId>,
}

impl Ticket {
    /// Who is at work on it. Who has taken it and then left the staff is not.
    pub(crate) fn server(&self, settings: &Settings) -> Option<&AccountId> {
        self.taken_by.as_ref().filter(|account| settings.is_staff(account))
    }
}

/// The open questions.
pub(crate) struct Tickets<'a> {
    host: &'a Host,
}

impl<'a> Tickets<'a> {
    pub(crate) fn new(host: &'a Host) -> Self {
        Self { host }
    }

    /// Opens a ticket; the staff is nudged again and again until it is taken.
    pub(crate) fn open(&self, asker: &AccountId, question: &str, nudge: Duration) -> Result<Ticket, Error> {
        let ticket = Ticket {
            number: self.host.kv().increment("tickets", 1)?,
            asker: asker.clone(),
            question: question.to_owned(),
            asked_at: self.host.clock().now()?,
            taken_by: None,
        };
        self.keep(&ticket)?;
        self.host.kv().set_json(&asks(asker), &ticket.number)?;
        self.host.timers().repeat(&timer(ticket.number), nudge)?;
        Ok(ticket)
    }

    /// Gives a ticket to one of the staff; who had it before has it no longer.
    pub(crate) fn take(&self, mut ticket: Ticket, by: &AccountId) -> Result<Ticket, Error> {
        if let Some(before) = ticket.taken_by.replace(by.clone()) {
            self.host.kv().delete(&serves(&before))?;
        }
        self.keep(&ticket)?;
        self.host.kv().set_json(&serves(by), &ticket.number)?;
        self.host.timers().cancel(&timer(ticket.number))?;
        Ok(ticket)
    }

    /// Lets a taken ticket wait again.
    pub(crate) fn put_back(&self, mut ticket: Ticket, nudge: Duration) -> Result<(), Error> {
        if let Some(by) = ticket.taken_by.take() {
            self.host.kv().delete(&serves(&by))?;
        }
        self.keep(&ticket)?;
        self.host.timers().repeat(&timer(ticket.number), nudge)
    }

    /// Closes a ticket: nothing of it is kept.
    pub(crate) fn close(&self, ticket: &Ticket) -> Result<(), Error> {
        let kv = self.host.kv();
        kv.delete(&key(ticket.number))?;
        kv.delete(&asks(&ticket.asker))?;
        if let Some(by) = &ticket.taken_by {
            kv.delete(&serves(by))?;
        }
        self.host.timers().cancel(&timer(ticket.number))?;
        Ok(())
    }

    /// The ticket of that number, if it is open.
    pub(crate) fn find(&self, number: i64) -> Result<Option<Ticket>, Error> {
        self.host.kv().get_json(&key(number))
    }

    /// The ticket that a visitor has open.
    pub(crate) fn asked_by(&self, account: &AccountId) -> Result<Option<Ticket>, Error> {
        self.behind(&asks(account))
    }

    /// The ticket that one of the staff has taken.
    pub(crate) fn served_by(&self, account: &AccountId) -> Result<Option<Ticket>, Error> {
        self.behind(&serves(account))
    }

    /// The ticket whose timer has that name.
    pub(crate) fn of_timer(&self, name: &str) -> Result<Option<Ticket>, Error> {
        let number = name.strip_prefix("nudge/").and_then(|number| number.parse().ok());
        number.map_or(Ok(None), |number| self.find(number))
    }

    /// The first `limit` open tickets, in the order of asking.
    pub(crate) fn oldest(&self, limit: usize) -> Result<Vec<Ticket>, Error> {
        let mut tickets = Vec::new();
        for key in self.host.kv().keys("ticket/").take(limit) {
            tickets.extend(self.host.kv().get_json(&key?)?);
        }
        Ok(tickets)
    }

    fn behind(&self, key: &str) -> Result<Option<Ticket>, Error> {
        match self.host.kv().get_json(key)? {
            Some(number) => self.find(number),
            None => Ok(None),
        }
    }

    fn keep(&self, ticket: &Ticket) -> Result<(), Error> {
        self.host.kv().set_json(&key(ticket.number), ticket)
    }
}

fn key(number: i64) -> String {
    format!("ticket/{number:08}")
}

fn asks(account: &AccountId) -> String {
    format!("asks/{account}")
}

fn serves(account: &AccountId) -> String {
    format!("serves/{account}")
}

fn timer(number: i64) -> String {
    format!("nudge/{number}")
}
