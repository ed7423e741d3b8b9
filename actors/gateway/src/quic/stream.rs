//! One stream: commands come in, are asked of others all at once, and answered in the order in which the answers are there.

use std::{panic::AssertUnwindSafe, rc::Rc};

use bytes::Bytes;
use futures::FutureExt as _;
use quinn::{RecvStream, SendStream};
use starling_contracts::subscriptions::Notice;
use starling_kernel::Sleep;
use starling_protocol::quic_frame::{Frames, Head, Message};
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore, mpsc, watch},
    task::JoinSet,
};
use tracing::error;

use super::{
    desk::{Command, Desk},
    form::Form,
    memory::Held,
    metrics::{self, Ending, Outcome},
    reception::closed,
    visit::{AT_FAULT, GOODBYE, Guest},
};

/// How much is taken from the connection at a time, in bytes.
const PIECE: usize = 64 << 10;
/// Answers that may wait to be written; requests with more of them wait.
const ANSWERS: usize = 16;

/// An answer to be written, with what it takes until then.
struct Outgoing {
    frame: Vec<u8>,
    _held: Held,
    _places: Option<Places>,
}

/// A request's places among those under way: its connection's, and all.
type Places = (OwnedSemaphorePermit, OwnedSemaphorePermit);

/// Serves a stream until it ends, and says why it was given up if it was.
pub(super) async fn serve(
    guest: Rc<Guest>,
    closing: watch::Receiver<bool>,
    incoming: RecvStream,
    outgoing: SendStream,
    notices: Option<mpsc::Receiver<Notice>>,
) -> Option<Ending> {
    let (answers, to_write) = mpsc::channel(ANSWERS);
    let intake = Intake {
        guest: Rc::clone(&guest),
        closing: closing.clone(),
        answers,
        requests: JoinSet::new(),
        frames: Frames::new(),
        held: guest.hold(),
        deadline: None,
    };
    let outlet = Outlet { guest, closing, notices, outgoing, told: 0 };
    // A reason to give up on one side ends the other as well; an end without a reason lets it finish.
    let reading = async { intake.run(incoming).await.map_or(Ok(()), Err) };
    let writing = async { outlet.run(to_write).await.map_or(Ok(()), Err) };
    futures::future::try_join(reading, writing).await.err()
}

/// The reading side.
struct Intake {
    guest: Rc<Guest>,
    closing: watch::Receiver<bool>,
    answers: mpsc::Sender<Outgoing>,
    /// What is being asked of others.
    requests: JoinSet<()>,
    frames: Frames,
    /// What the unfinished message takes.
    held: Held,
    /// When the unfinished message has to be there.
    deadline: Option<Sleep>,
}

/// What came of waiting for the stream.
enum Arrival {
    Piece(Bytes),
    /// The client has nothing more to ask, or the connection is gone.
    End,
    /// Nobody would write an answer, or the door closes.
    Over,
    Late,
}

impl Intake {
    async fn run(mut self, mut incoming: RecvStream) -> Option<Ending> {
        let ending = loop {
            match self.arrival(&mut incoming).await {
                Arrival::Piece(piece) => {
                    if let Err(ending) = self.take(piece).await {
                        break ending;
                    }
                }
                Arrival::End => break self.frames.finish().err().map(|_| Ending::Malformed),
                Arrival::Over => break None,
                Arrival::Late => break Some(Ending::SlowWriter),
            }
        };
        // It may have ended already.
        let _ = incoming.stop(if ending.is_some() { AT_FAULT } else { GOODBYE });
        if ending.is_none() {
            while self.requests.join_next().await.is_some() {}
        }
        ending
    }

    async fn arrival(&mut self, incoming: &mut RecvStream) -> Arrival {
        loop {
            tokio::select! {
                biased;
                () = closed(&mut self.closing) => return Arrival::Over,
                () = self.answers.closed() => return Arrival::Over,
                Some(_) = self.requests.join_next(), if !self.requests.is_empty() => {}
                () = passed(&mut self.deadline) => return Arrival::Late,
                piece = incoming.read_chunk(PIECE, true) => return match piece {
                    // A copy of its own length: the connection's pieces keep whole datagrams alive.
                    Ok(Some(piece)) => Arrival::Piece(Bytes::copy_from_slice(&piece.bytes)),
                    Ok(None) => Arrival::End,
                    Err(_) => Arrival::Over,
                },
            }
        }
    }

    /// Takes what arrived; an error ends the stream.
    async fn take(&mut self, mut piece: Bytes) -> Result<(), Option<Ending>> {
        while let Some(message) = self.frames.read(&mut piece).map_err(|_| Some(Ending::Malformed))? {
            self.deadline = None;
            let held = std::mem::replace(&mut self.held, self.guest.hold());
            if let Message::Command { id, name, body } = message {
                self.ask(id, name, body, held).await?;
            }
            // Nothing is asked of clients, so that their replies answer nothing.
        }
        if !self.frames.is_inside() {
            return Ok(());
        }
        if self.deadline.is_none() {
            let common = &self.guest.common;
            self.deadline = Some(common.clock.sleep(common.limits.message_within));
        }
        if self.held.grow_to(self.frames.held()).is_ok() {
            return Ok(());
        }
        match self.frames.head() {
            // The little that has arrived does not count.
            Head::Unknown => {}
            Head::Unanswered => self.skip(),
            Head::Command(id) => {
                self.skip();
                self.refuse(id, Form::busy()).await?;
            }
        }
        Ok(())
    }

    fn skip(&mut self) {
        self.frames.skip();
        self.held = self.guest.hold();
    }

    /// Has a command answered beside those that are under way.
    async fn ask(&mut self, id: i64, name: Bytes, body: Bytes, mut held: Held) -> Result<(), Option<Ending>> {
        while self.requests.try_join_next().is_some() {}
        // While its connection has too much under way, nothing more is read of it; that is the client's own doing.
        let own = tokio::select! {
            biased;
            own = Semaphore::acquire_owned(self.guest.requests.clone()) => own.map_err(|_| None)?,
            () = closed(&mut self.closing) => return Err(None),
            () = self.answers.closed() => return Err(None),
        };
        let endpoint = Desk::endpoint(&name);
        let fits = held.grow_to(name.len() + body.len()).is_ok();
        let place = Semaphore::try_acquire_owned(self.guest.common.requests.clone());
        let (Ok(place), true) = (place, fits) else {
            drop(own);
            metrics::answered(endpoint, Outcome::Busy, std::time::Duration::ZERO);
            return self.refuse(id, Form::busy()).await;
        };
        let (guest, answers) = (Rc::clone(&self.guest), self.answers.clone());
        self.requests.spawn_local(async move {
            let clock = &guest.common.clock;
            let began = clock.elapsed();
            let command = Command { name: &name, body, from: guest.address(), link: &guest.link };
            let answered = AssertUnwindSafe(guest.common.desk.answer(command)).catch_unwind().await;
            let (form, outcome) = answered.unwrap_or_else(|_| {
                error!(?endpoint, "request handler panicked");
                (Form::request_failed(), Outcome::Panicked)
            });
            let mut message = form.into_message(id);
            let mut outcome = outcome;
            if held.grow_by(message.body().len()).is_err() {
                (message, outcome) = (Form::busy().into_message(id), Outcome::Busy);
            }
            metrics::answered(endpoint, outcome, clock.elapsed().saturating_sub(began));
            let answer = Outgoing { frame: message.encode(), _held: held, _places: Some((own, place)) };
            // Nobody waits for it when the stream is gone.
            let _ = answers.send(answer).await;
        });
        Ok(())
    }

    /// Answers without asking anybody.
    async fn refuse(&self, id: i64, form: Form) -> Result<(), Option<Ending>> {
        let frame = form.into_message(id).encode();
        let answer = Outgoing { frame, _held: self.guest.hold(), _places: None };
        self.answers.send(answer).await.map_err(|_| None)
    }
}

/// Waits for the deadline, for ever if there is none.
async fn passed(deadline: &mut Option<Sleep>) {
    match deadline {
        Some(deadline) => deadline.await,
        None => std::future::pending().await,
    }
}

/// The writing side.
struct Outlet {
    guest: Rc<Guest>,
    closing: watch::Receiver<bool>,
    /// Only the first stream has them.
    notices: Option<mpsc::Receiver<Notice>>,
    outgoing: SendStream,
    /// How many commands were sent.
    told: i64,
}

impl Outlet {
    async fn run(mut self, mut answers: mpsc::Receiver<Outgoing>) -> Option<Ending> {
        let stopped = self.outgoing.stopped();
        tokio::pin!(stopped);
        let mut has_answers = true;
        loop {
            let written = tokio::select! {
                answer = answers.recv(), if has_answers => match answer {
                    Some(answer) => self.write(&answer.frame).await,
                    None if self.notices.is_none() => break,
                    None => {
                        has_answers = false;
                        continue;
                    }
                },
                Some(notice) = next(&mut self.notices) => {
                    metrics::notified();
                    let frame = self.command(notice);
                    self.write(&frame).await
                }
                () = closed(&mut self.closing), if !has_answers => break,
                // Nobody reads it any more; what is under way for it is not needed.
                _ = &mut stopped => return None,
            };
            if let Err(ending) = written {
                // It may be gone already.
                let _ = self.outgoing.reset(AT_FAULT);
                return ending;
            }
        }
        // The last answer has arrived when the client says so: the connection may be closed then.
        if self.outgoing.finish().is_ok() {
            let common = &self.guest.common;
            tokio::select! {
                _ = stopped => {}
                () = common.clock.sleep(common.limits.write_within) => return Some(Ending::SlowReader),
            }
        }
        None
    }

    fn command(&mut self, notice: Notice) -> Vec<u8> {
        let (name, body) = match notice {
            Notice::Message(body) => (&b"notify"[..], body),
            Notice::Ended(body) => (&b"monitor_ended"[..], body),
        };
        let command = Message::Command { id: self.told, name: Bytes::from_static(name), body };
        self.told += 1;
        command.encode()
    }

    async fn write(&mut self, frame: &[u8]) -> Result<(), Option<Ending>> {
        let common = &self.guest.common;
        tokio::select! {
            biased;
            written = self.outgoing.write_all(frame) => written.map_err(|_| None),
            () = common.clock.sleep(common.limits.write_within) => Err(Some(Ending::SlowReader)),
        }
    }
}

/// The next notification; `None` when there are none on this stream.
async fn next(notices: &mut Option<mpsc::Receiver<Notice>>) -> Option<Notice> {
    notices.as_mut()?.recv().await
}
