//! The actor that answers what the filters of an account say.

use std::{sync::Arc, time::Duration};

use futures::future::join_all;
use starling_contracts::{
    accounts::Profile,
    plugins::{Error, Review, ReviewItem, Verdict},
};
use starling_kernel::{Actor, Bounds, Clock, Context, Handler, Spec, Task, task};

use crate::{
    config::OnFailure,
    event::{self, Item},
    house::Housing,
    load::Refusal,
    manifest::World,
    roster::{Condition, Post, Roster},
};

/// How long a filter has, waiting for its turn included: less than the inbox waits for all of them.
const LONGEST_REVIEW: Duration = Duration::from_secs(8);

/// Asks every filter of an account, and answers with the strictest verdict.
pub struct Filters {
    roster: Arc<Roster>,
    clock: Arc<dyn Clock>,
}

/// How to run the actor; it starts after the keeper of the plugins.
pub(crate) fn spec(bounds: Bounds, housing: Housing) -> Spec<Filters> {
    Spec::new(move |ctx| {
        let housing = housing.clone();
        async move {
            Ok(Filters { roster: Arc::clone(&housing.house()?.roster), clock: Arc::clone(ctx.clock()) })
        }
    })
    .bounds(bounds)
    .needs("plugins")
    .serves::<Review>()
}

impl Actor for Filters {
    const NAME: &'static str = "filters";
}

impl Handler<Review> for Filters {
    fn handle(&mut self, review: Review, _: &Context) -> Task<Result<Verdict, Error>> {
        let (roster, clock) = (Arc::clone(&self.roster), Arc::clone(&self.clock));
        task(async move {
            let item = item(review.item);
            let judged = roster.all().map(|post| judge(post, &review.profile, item.clone(), &*clock));
            let verdicts = join_all(judged).await;
            Ok(verdicts.into_iter().max_by_key(strictness).unwrap_or_default())
        })
    }
}

/// What one plugin says: a bot allows everything, and so does a filter of another account or one that is switched off. One that
/// takes too long has failed.
async fn judge(post: &Post, account: &Profile, item: Item, clock: &dyn Clock) -> Verdict {
    let judging = async {
        match post.settled().await {
            Condition::Running { world: World::Filter, profile, .. } if profile == *account => {
                post.review(item).await.map(|verdict| named(&post.name, verdict))
            }
            Condition::Refused(_) => None,
            _ => Some(Verdict::Allow),
        }
    };
    let verdict = tokio::select! {
        biased;
        verdict = judging => verdict,
        () = clock.sleep(LONGEST_REVIEW) => None,
    };
    verdict.unwrap_or_else(|| failed(post, account))
}

/// What becomes of a message that a filter could not judge.
fn failed(post: &Post, account: &Profile) -> Verdict {
    let is_its = |profile: &Option<Profile>| profile.as_ref().is_none_or(|profile| profile == account);
    let on_failure = match &*post.condition.borrow() {
        Condition::Running { on_failure, .. } => *on_failure,
        Condition::Refused(Refusal { profile, on_failure, .. })
        | Condition::Loading { on_failure, profile }
            if is_its(profile) =>
        {
            *on_failure
        }
        _ => OnFailure::Show,
    };
    match on_failure {
        OnFailure::Show => Verdict::Allow,
        OnFailure::Hold => Verdict::Hold { reason: format!("{}: could not judge it", post.name) },
    }
}

fn item(item: ReviewItem) -> Item {
    let ReviewItem { conversation, author, sent_at, body, is_request, attachments } = item;
    Item {
        room: None,
        conversation: conversation.to_string(),
        author: author.to_string(),
        sent_at,
        body,
        is_request,
        attachments,
    }
}

/// The verdict as the inbox takes it, with the filter's name before its reason.
fn named(name: impl std::fmt::Display, verdict: event::Verdict) -> Verdict {
    let reason = |reason: String| format!("{name}: {}", shortened(&reason));
    match verdict {
        event::Verdict::Allow => Verdict::Allow,
        event::Verdict::Flag(why) => Verdict::Flag { reason: reason(why), replacement: None },
        event::Verdict::Hold(why) => Verdict::Hold { reason: reason(why) },
        event::Verdict::Reject(why) => Verdict::Reject { reason: reason(why) },
        event::Verdict::Replace(text) => {
            Verdict::Flag { reason: reason("replaced the text".to_owned()), replacement: Some(text) }
        }
    }
}

/// A reason is for a person's eye.
const LONGEST_REASON: usize = 200;

fn shortened(reason: &str) -> String {
    reason.chars().filter(|letter| !letter.is_control()).take(LONGEST_REASON).collect()
}

/// Of equals the last one holds.
fn strictness(verdict: &Verdict) -> u8 {
    match verdict {
        Verdict::Allow => 0,
        Verdict::Flag { replacement: None, .. } => 1,
        Verdict::Flag { replacement: Some(_), .. } => 2,
        Verdict::Hold { .. } => 3,
        Verdict::Reject { .. } => 4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_strictest_verdict_holds() {
        let hold = named("a", event::Verdict::Hold("links".to_owned()));
        let replace = named("b", event::Verdict::Replace("…".to_owned()));
        let verdicts = [Verdict::Allow, hold.clone(), replace, named("c", event::Verdict::Allow)];

        let strictest = verdicts.into_iter().max_by_key(strictness).unwrap();

        assert_eq!(strictest, hold);
        assert_eq!(strictest, Verdict::Hold { reason: "a: links".to_owned() });
    }

    #[test]
    fn a_reason_is_one_short_line() {
        let Verdict::Flag { reason, .. } = named("f", event::Verdict::Flag("a\n\u{1b}[2J".repeat(100)))
        else {
            panic!("a flag stays a flag")
        };

        assert!(reason.len() <= "f: ".len() + LONGEST_REASON && !reason.contains(char::is_control));
    }
}
