//! What waits for members' answers tell each other: of one write, and of one member.

use std::{
    cell::{Cell, RefCell},
    collections::HashMap,
    rc::Rc,
    time::Duration,
};

use futures::{
    FutureExt as _,
    channel::oneshot,
    future::{Either, Shared, select},
};
use starling_kernel::Clock;
use starling_protocol::crypto::ed25519;

use crate::health::{Fellows, Wait};

/// The copies of one write that are waited for.
#[derive(Debug, Default)]
pub(crate) struct Write {
    waiting: Cell<usize>,
    latest: Cell<Option<Duration>>,
}

/// One copy that is waited for, as long as it lives.
struct Waiting<'a>(&'a Write);

impl Write {
    fn wait(&self) -> Waiting<'_> {
        self.waiting.set(self.waiting.get() + 1);
        Waiting(self)
    }
}

impl Waiting<'_> {
    fn fellows(&self) -> Fellows {
        match self.0.latest.get() {
            Some(latest) => Fellows::Answered(latest),
            None if self.0.waiting.get() > 1 => Fellows::Silent,
            None => Fellows::None,
        }
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.waiting.set(self.0.waiting.get() - 1);
    }
}

/// Ends all waits for a member at once.
#[derive(Default)]
pub(crate) struct Verdicts(RefCell<HashMap<ed25519::PublicKey, Verdict>>);

struct Verdict {
    /// Passed by being dropped.
    _pass: oneshot::Sender<()>,
    passed: Shared<oneshot::Receiver<()>>,
}

impl Verdicts {
    /// Whoever waits for `node` need not wait any longer.
    pub(crate) fn pass(&self, node: &ed25519::PublicKey) {
        self.0.borrow_mut().remove(node);
    }

    /// The same for all members but these.
    pub(crate) fn retain(&self, is_wanted: impl Fn(&ed25519::PublicKey) -> bool) {
        self.0.borrow_mut().retain(|node, _| is_wanted(node));
    }

    fn of(&self, node: &ed25519::PublicKey) -> Shared<oneshot::Receiver<()>> {
        let mut verdicts = self.0.borrow_mut();
        let verdict = verdicts.entry(*node).or_insert_with(|| {
            let (pass, passed) = oneshot::channel();
            Verdict { _pass: pass, passed: passed.shared() }
        });
        verdict.passed.clone()
    }
}

/// How a wait ended.
pub(crate) enum Waited<T> {
    /// With what was waited for.
    For(T),
    /// Somebody else found the member silent, or the outcome will never come.
    Ended,
    /// The member was silent for too long.
    Silent,
    /// It answers others, and not this.
    TooLong,
}

/// A timer that is so late tells that this node was held up, and the answers that have come with it.
const HELD_UP: Duration = Duration::from_millis(20);

/// Waits for the outcome of a copy. `heard` tells when the member answered anything last, `is_answer` whether an outcome is
/// the member's own.
pub(crate) async fn wait<T>(
    (node, mut wait): (ed25519::PublicKey, Wait),
    mut outcome: oneshot::Receiver<T>,
    (write, verdicts): (Rc<Write>, &Verdicts),
    clock: &dyn Clock,
    heard: impl Fn() -> Duration,
    is_answer: impl Fn(&T) -> bool,
) -> Waited<T> {
    let waiting = write.wait();
    let mut verdict = verdicts.of(&node);
    loop {
        let (now, until) = (clock.elapsed(), wait.until(heard(), waiting.fellows()));
        if now >= until {
            let is_silent = now >= wait.sent.max(heard()) + wait.silence;
            return if is_silent { Waited::Silent } else { Waited::TooLong };
        }
        // What the fellows do is looked at again each time that the member might have been given up.
        let wake_at = until.min(now + wait.silence);
        match select(&mut outcome, select(&mut verdict, clock.sleep(wake_at - now))).await {
            Either::Left((Ok(outcome), _)) => {
                if is_answer(&outcome) {
                    write.latest.set(Some(clock.elapsed()));
                }
                return Waited::For(outcome);
            }
            Either::Left((Err(_), _)) | Either::Right((Either::Left(_), _)) => return Waited::Ended,
            Either::Right((Either::Right(_), _)) => {
                let late = clock.elapsed().saturating_sub(wake_at);
                if late > HELD_UP {
                    wait.silence += late;
                }
            }
        }
    }
}
