//! Asking the filters about texts that came in, before anybody sees them.

use std::collections::BTreeMap;

use futures::{StreamExt as _, stream};
use starling_contracts::{
    accounts::Profile,
    inbox::{Error, MessageKind, MessageRef, Poll, ReviewMark},
    plugins::{self, Review, ReviewItem},
};
use starling_kernel::{Kinded as _, Message as _, Recipient};
use starling_protocol::content::MAX_INCOMING_BODY_CHARS;
use tracing::debug;

use crate::{
    config::Unreviewed,
    desk::{Desk, Unlocked},
    filing::{Item, Kept, Reason, Verdict},
    metrics::{self, ReviewOutcome},
    store::{Standing, Store},
};

/// Questions of one page that wait for their answers at once.
const REVIEWS_AT_ONCE: usize = 8;
/// Longest reason that is kept, in Unicode code points.
const MAX_REASON_CHARS: usize = 500;
/// What is said of a message that is held because nobody judged it.
const NO_ANSWER: &str = "the filters gave no answer";

/// What was found about each message of a page; the same message may lie there more than once, under several hashes.
type Findings = BTreeMap<MessageRef, Option<plugins::Verdict>>;

/// Has the filters judge the new texts of others among what was opened. Where nobody serves that question, nothing is done.
pub(crate) async fn review(
    desk: &Desk,
    profile: &Profile,
    account: &Unlocked,
    judged: Vec<(Item, Verdict)>,
) -> Result<Vec<(Item, Verdict)>, Error> {
    let filters = desk.ctx.recipient::<Review>();
    if !filters.is_served() {
        return Ok(judged);
    }
    let questions = questions(desk, account, &judged).await?;
    let asks = questions.into_iter().map(|(name, item)| {
        let review = Review { profile: profile.clone(), item };
        let filters = &filters;
        async move { (name, ask(desk, filters, review).await) }
    });
    let findings: Findings = stream::iter(asks).buffer_unordered(REVIEWS_AT_ONCE).collect().await;
    let settle = |(item, verdict)| match verdict {
        Verdict::Keep(kept) => match findings.get(&kept.name()) {
            Some(finding) => (item, settled(*kept, finding.as_ref(), desk.config.unreviewed)),
            None => (item, Verdict::Keep(kept)),
        },
        other => (item, other),
    };
    Ok(judged.into_iter().map(settle).collect())
}

/// What there is to ask: each text of somebody else that is not here yet, once.
async fn questions(
    desk: &Desk,
    account: &Unlocked,
    judged: &[(Item, Verdict)],
) -> Result<BTreeMap<MessageRef, ReviewItem>, Error> {
    let own = account.secrets.keys.id();
    let kept = || judged.iter().filter_map(|(_, verdict)| kept(verdict));
    let texts: BTreeMap<MessageRef, &Kept> = kept()
        .filter(|kept| kept.kind == MessageKind::Text && kept.from != own)
        .map(|kept| (kept.name(), kept))
        .collect();
    if texts.is_empty() {
        return Ok(BTreeMap::new());
    }
    let names: Vec<MessageRef> = texts.keys().copied().collect();
    let entropy = desk.ctx.entropy().clone();
    let looking = move |store: &Store, sealer: &_| store.standing(sealer, &names, entropy.as_ref());
    let standings = desk.on_disk(Poll::NAME, account, looking).await?;
    // What another device of one's own wrote before may have come with the same page.
    let was_written_to = |text: &Kept| {
        kept().any(|other| {
            other.from == own && other.conversation == text.from && other.sent_at <= text.sent_at
        })
    };
    let question = |((name, text), standing): ((MessageRef, &Kept), Standing)| match standing {
        Standing::Filed => None,
        Standing::OfStranger => Some((name, question(text, !was_written_to(text)))),
        Standing::OfCorrespondent => Some((name, question(text, false))),
    };
    Ok(texts.into_iter().zip(standings).filter_map(question).collect())
}

fn kept(verdict: &Verdict) -> Option<&Kept> {
    match verdict {
        Verdict::Keep(kept) => Some(kept),
        Verdict::Hold(_) | Verdict::Drop(_) => None,
    }
}

fn question(text: &Kept, is_request: bool) -> ReviewItem {
    ReviewItem {
        conversation: text.conversation,
        author: text.from,
        sent_at: text.sent_at,
        body: text.body.clone(),
        is_request,
        attachments: text.attachments,
    }
}

/// Nothing when there is no answer.
async fn ask(desk: &Desk, filters: &Recipient<Review>, review: Review) -> Option<plugins::Verdict> {
    match filters.ask_within(review, desk.config.review_deadline).await {
        Ok(verdict) => {
            metrics::reviewed(ReviewOutcome::of(&verdict));
            Some(verdict)
        }
        Err(error) => {
            debug!(kind = ?error.kind(), "the filters gave no answer");
            metrics::reviewed(ReviewOutcome::Unreviewed);
            None
        }
    }
}

/// What becomes of a text, by what was found about it.
fn settled(kept: Kept, finding: Option<&plugins::Verdict>, unreviewed: Unreviewed) -> Verdict {
    use plugins::Verdict::{Allow, Flag, Hold, Reject};
    match (finding, unreviewed) {
        (Some(Allow), _) | (None, Unreviewed::Show) => Verdict::Keep(Box::new(kept)),
        (Some(Flag { reason, replacement }), _) => {
            let review = Some(mark(reason, replacement.is_some()));
            let body = replacement.as_deref().map(|text| cut(text, MAX_INCOMING_BODY_CHARS));
            Verdict::Keep(Box::new(Kept { body: body.unwrap_or(kept.body), review, ..kept }))
        }
        (Some(Hold { reason }), _) => {
            Verdict::Hold(Box::new(Kept { review: Some(mark(reason, false)), ..kept }))
        }
        (Some(Reject { .. }), _) => Verdict::Drop(Reason::Rejected),
        (None, Unreviewed::Hold) => {
            Verdict::Hold(Box::new(Kept { review: Some(mark(NO_ANSWER, false)), ..kept }))
        }
    }
}

fn mark(reason: &str, replaced: bool) -> ReviewMark {
    ReviewMark { reason: cut(reason, MAX_REASON_CHARS), replaced }
}

fn cut(text: &str, chars: usize) -> String {
    text.chars().take(chars).collect()
}

#[cfg(test)]
mod tests {
    use starling_protocol::account::AccountKeys;

    use super::*;

    fn text() -> Kept {
        let from = AccountKeys::from_seed(&[2; 16]).id();
        Kept {
            from,
            conversation: from,
            body: "as written".to_owned(),
            sent_at: 1,
            kind: MessageKind::Text,
            detail: None,
            attachments: 0,
            review: None,
            content: vec![1],
        }
    }

    #[test]
    fn whatever_a_filter_says_is_cut_to_what_is_kept() {
        let long = "é".repeat(20_000);
        let flag = plugins::Verdict::Flag { reason: long.clone(), replacement: Some(long) };

        let Verdict::Keep(kept) = settled(text(), Some(&flag), Unreviewed::Hold) else { panic!("kept") };

        assert_eq!(kept.body.chars().count(), MAX_INCOMING_BODY_CHARS);
        let mark = kept.review.unwrap();
        assert_eq!((mark.reason.chars().count(), mark.replaced), (MAX_REASON_CHARS, true));
        assert_eq!(kept.content, [1], "what was written stays");
    }

    #[test]
    fn without_an_answer_the_setting_decides() {
        let shown = settled(text(), None, Unreviewed::Show);
        let held = settled(text(), None, Unreviewed::Hold);

        assert!(matches!(shown, Verdict::Keep(kept) if *kept == text()));
        assert!(matches!(held, Verdict::Hold(kept) if kept.review == Some(mark(NO_ANSWER, false))));
    }
}
