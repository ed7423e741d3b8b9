//! How long a member is waited for, by how it answered before. Pure: time is handed in.
//!
//! A member is *up* until a copy to it fails, *down* from then on until it answers anything. A copy for a member that is
//! down is not waited for: a probe is sent in the background, at most one per [`Patience::probe_every`] (this copy, or the
//! oldest that the member missed), or nothing is sent and the copy goes straight to the retries. So a dead member costs one slow answer and not one for every write.

use std::{collections::HashMap, time::Duration};

use starling_protocol::crypto::ed25519;

/// The times that decide.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Patience {
    /// How long a copy may take at all.
    pub deadline: Duration,
    /// An answer waits at least so long for a member that is up.
    pub least: Duration,
    /// The pause between probes of a member that is down.
    pub probe_every: Duration,
}

/// What to do with a copy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Attempt {
    /// Send it, and wait so long for the answer; the copy itself has the whole deadline.
    Wait(Duration),
    /// Send it, or the oldest one missed, and do not wait.
    Probe,
    /// Do not send it now.
    Skip,
}

/// Answers take this many times as long as usual before a member counts as slow: much, because a disk may hiccup.
const USUAL_TIMES: u32 = 20;
/// A slower answer's share in the usual time: one in eight. A quicker one's is a half.
const SMOOTHING: u32 = 8;

/// What is known of each member.
#[derive(Debug, Clone, Default)]
pub struct Health {
    members: HashMap<ed25519::PublicKey, State>,
}

#[derive(Debug, Clone, Copy)]
enum State {
    /// It answered last time, and usually takes so long.
    Up { usual: Duration },
    /// It did not answer last time; when it may be probed again.
    Down { probe_at: Duration, usual: Option<Duration> },
}

impl Health {
    /// What to do with a copy for `node` at `now`.
    pub fn plan(&mut self, node: &ed25519::PublicKey, now: Duration, patience: &Patience) -> Attempt {
        match self.members.get_mut(node) {
            None => Attempt::Wait(patience.deadline),
            Some(State::Up { usual }) => {
                let wait = usual.saturating_mul(USUAL_TIMES).max(patience.least);
                Attempt::Wait(wait.min(patience.deadline))
            }
            Some(State::Down { probe_at, .. }) if *probe_at > now => Attempt::Skip,
            Some(State::Down { probe_at, .. }) => {
                *probe_at = now + patience.probe_every;
                Attempt::Probe
            }
        }
    }

    /// `node` answered, whatever it said.
    pub fn answered(&mut self, node: &ed25519::PublicKey, took: Duration) {
        let usual = match self.members.get(node) {
            Some(State::Up { usual }) => Some(*usual),
            Some(State::Down { usual, .. }) => *usual,
            None => None,
        };
        // Down it goes fast: the first answers of a member also pay for its connection, which says nothing of the later ones.
        let usual = usual.map_or(took, |usual| match took < usual {
            true => (usual + took) / 2,
            false => (usual * (SMOOTHING - 1) + took) / SMOOTHING,
        });
        self.members.insert(*node, State::Up { usual });
    }

    /// `node` did not answer in time, or could not be reached.
    pub fn failed(&mut self, node: &ed25519::PublicKey, now: Duration, patience: &Patience) {
        let usual = match self.members.get(node) {
            Some(State::Up { usual }) => Some(*usual),
            Some(State::Down { usual, .. }) => *usual,
            None => None,
        };
        self.members.insert(*node, State::Down { probe_at: now + patience.probe_every, usual });
    }

    /// Forgets members that are no longer of interest.
    pub fn retain(&mut self, is_wanted: impl Fn(&ed25519::PublicKey) -> bool) {
        self.members.retain(|node, _| is_wanted(node));
    }

    /// How many are down.
    pub fn n_down(&self) -> usize {
        self.members.values().filter(|state| matches!(state, State::Down { .. })).count()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATIENCE: Patience = Patience {
        deadline: Duration::from_secs(5),
        least: Duration::from_secs(1),
        probe_every: Duration::from_secs(1),
    };
    const NODE: ed25519::PublicKey = ed25519::PublicKey([1; 32]);

    fn at(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn a_stranger_gets_the_whole_deadline_and_a_quick_member_less() {
        let mut health = Health::default();
        assert_eq!(health.plan(&NODE, at(0), &PATIENCE), Attempt::Wait(PATIENCE.deadline));

        health.answered(&NODE, Duration::from_millis(10));
        assert_eq!(health.plan(&NODE, at(0), &PATIENCE), Attempt::Wait(PATIENCE.least));

        let mut slow = Health::default();
        slow.answered(&NODE, Duration::from_millis(100));
        assert_eq!(slow.plan(&NODE, at(0), &PATIENCE), Attempt::Wait(at(2)));
        slow.answered(&NODE, at(5));
        assert_eq!(slow.plan(&NODE, at(0), &PATIENCE), Attempt::Wait(PATIENCE.deadline));
    }

    #[test]
    fn a_member_that_is_down_is_probed_now_and_then_and_never_waited_for() {
        let mut health = Health::default();
        health.failed(&NODE, at(10), &PATIENCE);

        assert_eq!(health.plan(&NODE, at(10), &PATIENCE), Attempt::Skip);
        assert_eq!(health.plan(&NODE, at(11), &PATIENCE), Attempt::Probe);
        assert_eq!(health.plan(&NODE, at(11), &PATIENCE), Attempt::Skip);
        assert_eq!(health.plan(&NODE, at(12), &PATIENCE), Attempt::Probe);
        assert_eq!(health.n_down(), 1);
    }

    #[test]
    fn one_answer_brings_a_member_back_with_what_was_usual() {
        let mut health = Health::default();
        health.answered(&NODE, Duration::from_millis(80));
        health.failed(&NODE, at(1), &PATIENCE);

        health.answered(&NODE, Duration::from_millis(80));

        assert_eq!(health.plan(&NODE, at(2), &PATIENCE), Attempt::Wait(Duration::from_millis(1600)));
        assert_eq!(health.n_down(), 0);
    }

    #[test]
    fn those_who_left_are_forgotten() {
        let mut health = Health::default();
        health.failed(&NODE, at(1), &PATIENCE);
        health.retain(|_| false);

        assert_eq!(health.plan(&NODE, at(1), &PATIENCE), Attempt::Wait(PATIENCE.deadline));
    }
}
