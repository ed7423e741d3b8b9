//! The actor that answers what the filters of an account say.

use std::sync::Arc;

use futures::future::join_all;
use starling_contracts::{
    accounts::Profile,
    plugins::{Error, Review, ReviewItem, Verdict},
};
use starling_kernel::{Actor, Bounds, Context, Handler, Spec, Task, task};

use crate::{
    config::OnFailure,
    event::{self, Item},
    house::Housing,
    manifest::World,
    roster::{Condition, Post, Roster},
};

/// Asks every filter of an account, and answers with the strictest verdict.
pub struct Filters {
    roster: Arc<Roster>,
}

/// How to run the actor; it starts after the keeper of the plugins.
pub(crate) fn spec(bounds: Bounds, housing: Housing) -> Spec<Filters> {
    Spec::new(move |_| {
        let housing = housing.clone();
        async move { Ok(Filters { roster: Arc::clone(&housing.house()?.roster) }) }
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
        let roster = Arc::clone(&self.roster);
        task(async move {
            let item = item(review.item);
            let judged = roster.all().map(|post| judge(post, &review.profile, item.clone()));
            let verdicts = join_all(judged).await;
            Ok(verdicts.into_iter().max_by_key(strictness).unwrap_or_default())
        })
    }
}

/// What one plugin says: a bot allows everything, and so does a filter of another account or one that is switched off.
async fn judge(post: &Post, account: &Profile, item: Item) -> Verdict {
    match post.settled().await {
        Condition::Running { world: World::Filter, profile, on_failure, .. } if profile == *account => {
            match post.review(item).await {
                Some(verdict) => named(&post.name, verdict),
                None => failed(post, on_failure),
            }
        }
        Condition::Refused { on_failure, .. } => failed(post, on_failure),
        _ => Verdict::Allow,
    }
}

/// What becomes of a message that a filter could not judge.
fn failed(post: &Post, on_failure: OnFailure) -> Verdict {
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
