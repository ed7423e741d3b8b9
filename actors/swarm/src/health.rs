//! How long a member is waited for, by how it answered before. Pure: time is handed in.
//!
//! A member is *up* until it was silent for longer than it has ever been of late, while copies were under way to it. It is
//! *suspect* from then on: copies are still sent to it, and no answer waits for it. If one of them fails it is *down*: a probe
//! is sent in the background, at most one per [`Patience::probe_every`] (the copy at hand, or the oldest that the member
//! missed), and all other copies go straight to the retries. Any answer makes it *up* again. So a member that dies costs the
//! writes of one moment that moment, and one that hiccups misses nothing.

use std::{
    collections::{HashMap, VecDeque},
    time::Duration,
};

use starling_protocol::crypto::ed25519;

/// The times that decide.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Patience {
    /// How long a copy may take at all.
    pub deadline: Duration,
    /// So long a member that is up may be silent at least.
    pub least: Duration,
    /// The pause between probes of a member that is down.
    pub probe_every: Duration,
}

/// What to do with a copy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Attempt {
    /// Send it, and wait for the answer while the member is not silent for longer than this.
    Wait(Duration),
    /// Send it and do not wait.
    Send,
    /// Send it, or the oldest one missed, and do not wait.
    Probe,
    /// Do not send it now.
    Skip,
}

/// A copy that is waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wait {
    /// When it was sent.
    pub sent: Duration,
    /// How long the member may be silent.
    pub silence: Duration,
    /// How long the copy may take at all.
    pub deadline: Duration,
}

/// What the other members said to the same write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fellows {
    /// None is waited for.
    None,
    /// None of them answered yet.
    Silent,
    /// The latest answer came then.
    Answered(Duration),
}

/// A member may be silent for so many times as long as its slowest answers of late took.
const SLOWEST_TIMES: u32 = 2;
/// So many answers are remembered of each member.
const REMEMBERED: usize = 64;
/// A single answer that was slower than all others says nothing.
const OUTLIERS: usize = 1;
/// A member is waited for until its fellows' latest answer is half as old as the write: a load that slows all is no death.
const FELLOWS_TIMES: u32 = 2;
/// While no member has answered a write, the silence may be this node's own.
const COMMON_SILENCE: Duration = Duration::from_secs(1);

impl Wait {
    /// When the wait is over, by what is known so far. `heard` is when the member answered anything last.
    pub fn until(&self, heard: Duration, fellows: Fellows) -> Duration {
        let own = self.sent.max(heard) + self.silence;
        let common = match fellows {
            Fellows::None => self.sent,
            Fellows::Silent => self.sent + COMMON_SILENCE,
            Fellows::Answered(latest) => self.sent + latest.saturating_sub(self.sent) * FELLOWS_TIMES,
        };
        own.max(common).min(self.sent + self.deadline)
    }
}

/// What is known of each member.
#[derive(Debug, Clone, Default)]
pub struct Health {
    members: HashMap<ed25519::PublicKey, Member>,
}

#[derive(Debug, Clone)]
struct Member {
    state: State,
    /// When it answered last.
    heard: Duration,
    /// How long its last answers took.
    recent: VecDeque<Duration>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// It answered last time.
    Up,
    /// It is silent, and may still answer.
    Suspect,
    /// It did not answer last time; when it may be probed again.
    Down { probe_at: Duration },
}

impl Member {
    fn silence(&self, patience: &Patience) -> Duration {
        let mut slowest = [Duration::ZERO; OUTLIERS + 1];
        for took in &self.recent {
            if *took > slowest[OUTLIERS] {
                slowest[OUTLIERS] = *took;
                slowest.sort_unstable_by(|one, other| other.cmp(one));
            }
        }
        // Who answered once only is known by that answer.
        let slowest = if self.recent.len() > OUTLIERS { slowest[OUTLIERS] } else { slowest[0] };
        (slowest * SLOWEST_TIMES).max(patience.least).min(patience.deadline)
    }
}

impl Health {
    /// What to do with a copy for `node` at `now`.
    pub fn plan(&mut self, node: &ed25519::PublicKey, now: Duration, patience: &Patience) -> Attempt {
        let Some(member) = self.members.get_mut(node) else { return Attempt::Wait(patience.deadline) };
        match member.state {
            State::Up => Attempt::Wait(member.silence(patience)),
            State::Suspect => Attempt::Send,
            State::Down { probe_at } if probe_at > now => Attempt::Skip,
            State::Down { .. } => {
                member.state = State::Down { probe_at: now + patience.probe_every };
                Attempt::Probe
            }
        }
    }

    /// When `node` answered anything last; the beginning of time if it never did.
    pub fn heard(&self, node: &ed25519::PublicKey) -> Duration {
        self.members.get(node).map_or(Duration::ZERO, |member| member.heard)
    }

    /// `node` answered at `now`, whatever it said.
    pub fn answered(&mut self, node: &ed25519::PublicKey, now: Duration, took: Duration) {
        let member = self.member(node);
        member.state = State::Up;
        member.heard = now;
        if member.recent.len() == REMEMBERED {
            member.recent.pop_front();
        }
        member.recent.push_back(took);
    }

    /// `node` was silent for too long.
    pub fn suspect(&mut self, node: &ed25519::PublicKey) {
        let member = self.member(node);
        if member.state == State::Up {
            member.state = State::Suspect;
        }
    }

    /// A copy that left at `sent` was not answered in time, or could not be brought.
    pub fn failed(
        &mut self,
        node: &ed25519::PublicKey,
        sent: Duration,
        now: Duration,
        patience: &Patience,
    ) -> bool {
        let member = self.member(node);
        // It answered something that left together with this copy, or later: it is there.
        let is_there = member.heard > sent && member.state == State::Up;
        if !is_there {
            member.state = State::Down { probe_at: now + patience.probe_every };
        }
        !is_there
    }

    fn member(&mut self, node: &ed25519::PublicKey) -> &mut Member {
        self.members.entry(*node).or_insert_with(|| Member {
            state: State::Up,
            heard: Duration::ZERO,
            recent: VecDeque::new(),
        })
    }

    /// Forgets members that are no longer of interest.
    pub fn retain(&mut self, is_wanted: impl Fn(&ed25519::PublicKey) -> bool) {
        self.members.retain(|node, _| is_wanted(node));
    }

    /// How many are suspect or down.
    pub fn n_down(&self) -> usize {
        self.members.values().filter(|member| member.state != State::Up).count()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATIENCE: Patience = Patience {
        deadline: Duration::from_secs(5),
        least: Duration::from_millis(50),
        probe_every: Duration::from_secs(1),
    };
    const NODE: ed25519::PublicKey = ed25519::PublicKey([1; 32]);

    fn at(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    fn ms(milliseconds: u64) -> Duration {
        Duration::from_millis(milliseconds)
    }

    fn after(answers: impl IntoIterator<Item = u64>) -> Attempt {
        let mut health = Health::default();
        for took in answers {
            health.answered(&NODE, at(1), ms(took));
        }
        health.plan(&NODE, at(1), &PATIENCE)
    }

    #[test]
    fn a_member_may_be_silent_twice_as_long_as_its_slow_answers_took() {
        assert_eq!(after([]), Attempt::Wait(PATIENCE.deadline), "nothing is known of a stranger");
        assert_eq!(after([10]), Attempt::Wait(PATIENCE.least));
        assert_eq!(after([100]), Attempt::Wait(ms(200)));
        assert_eq!(after([100, 4000]), Attempt::Wait(ms(200)), "one slow answer says nothing");
        assert_eq!(after([30, 400, 20, 300, 10]), Attempt::Wait(ms(600)));
        assert_eq!(after([4000, 4000]), Attempt::Wait(PATIENCE.deadline));
        let forgotten = [4000, 4000].into_iter().chain(std::iter::repeat_n(60, REMEMBERED));
        assert_eq!(after(forgotten), Attempt::Wait(ms(120)));
    }

    #[test]
    fn a_silent_member_is_sent_copies_and_not_waited_for_until_it_answers_or_fails() {
        let mut health = Health::default();
        health.answered(&NODE, at(1), ms(60));
        health.suspect(&NODE);
        assert_eq!((health.plan(&NODE, at(2), &PATIENCE), health.n_down()), (Attempt::Send, 1));

        health.answered(&NODE, at(3), ms(60));
        assert_eq!((health.plan(&NODE, at(3), &PATIENCE), health.n_down()), (Attempt::Wait(ms(120)), 0));

        health.suspect(&NODE);
        assert!(health.failed(&NODE, at(4), at(9), &PATIENCE));
        health.suspect(&NODE);
        assert_eq!(health.plan(&NODE, at(9), &PATIENCE), Attempt::Skip, "down is more than suspect");
    }

    #[test]
    fn a_copy_that_fails_while_later_ones_are_answered_is_no_sign_of_death() {
        let mut health = Health::default();
        health.answered(&NODE, at(6), ms(60));

        assert!(!health.failed(&NODE, at(1), at(6), &PATIENCE));
        assert_eq!(health.plan(&NODE, at(6), &PATIENCE), Attempt::Wait(ms(120)));
        assert!(health.failed(&NODE, at(6), at(7), &PATIENCE));
        assert_eq!(health.plan(&NODE, at(7), &PATIENCE), Attempt::Skip);
    }

    #[test]
    fn a_member_that_is_down_is_probed_now_and_then_and_never_waited_for() {
        let mut health = Health::default();
        health.failed(&NODE, at(5), at(10), &PATIENCE);

        assert_eq!(health.plan(&NODE, at(10), &PATIENCE), Attempt::Skip);
        assert_eq!(health.plan(&NODE, at(11), &PATIENCE), Attempt::Probe);
        assert_eq!(health.plan(&NODE, at(11), &PATIENCE), Attempt::Skip);
        assert_eq!(health.plan(&NODE, at(12), &PATIENCE), Attempt::Probe);
        assert_eq!(health.n_down(), 1);
    }

    #[test]
    fn one_answer_brings_a_member_back_with_what_was_usual() {
        let mut health = Health::default();
        health.answered(&NODE, at(0), ms(80));
        health.failed(&NODE, at(0), at(1), &PATIENCE);

        health.answered(&NODE, at(2), ms(70));

        assert_eq!(health.plan(&NODE, at(2), &PATIENCE), Attempt::Wait(ms(140)));
        assert_eq!(health.n_down(), 0);
    }

    #[test]
    fn those_who_left_are_forgotten() {
        let mut health = Health::default();
        health.failed(&NODE, at(0), at(1), &PATIENCE);
        health.retain(|_| false);

        assert_eq!(health.plan(&NODE, at(1), &PATIENCE), Attempt::Wait(PATIENCE.deadline));
    }

    #[test]
    fn a_wait_ends_when_the_member_was_silent_for_long_and_others_were_not() {
        let wait = Wait { sent: at(10), silence: ms(100), deadline: at(5) };
        let until = |heard, fellows| wait.until(heard, fellows) - at(10);

        assert_eq!(until(at(9), Fellows::None), ms(100));
        assert_eq!(until(at(10) + ms(70), Fellows::None), ms(170), "it said something meanwhile");
        assert_eq!(until(at(9), Fellows::Silent), COMMON_SILENCE);
        assert_eq!(until(at(9), Fellows::Answered(at(10) + ms(20))), ms(100));
        assert_eq!(until(at(9), Fellows::Answered(at(10) + ms(300))), ms(600));
        assert_eq!(until(at(60), Fellows::None), at(5), "no longer than a copy may take");
    }
}
