//! Contents that point at another message: a quote, a reaction, taking a message back (messages §2.4, §2.5, §12, §13).

use super::proto::{Quote, Reaction, UnsendRequest, reaction::Action};
use super::{Content, DataMessage, Emoji, Expiration};
use crate::account::AccountId;

/// A message that another one points at. Together with the conversation that both are in, this names it (messages §8).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Target {
    /// Who wrote it.
    pub author: AccountId,
    /// When its author sent it, in milliseconds.
    pub sent_at: u64,
}

impl Target {
    /// What a quote points at; `None` when its author is no id.
    #[must_use]
    pub fn of_quote(quote: &Quote) -> Option<Self> {
        Some(Self { author: quote.author.parse().ok()?, sent_at: quote.id })
    }

    /// What a reaction points at; `None` when the author of the message is no id.
    #[must_use]
    pub fn of_reaction(reaction: &Reaction) -> Option<Self> {
        Some(Self { author: reaction.author.parse().ok()?, sent_at: reaction.id })
    }

    /// What an unsend request takes back; `None` when its author is no id.
    #[must_use]
    pub fn of_unsend(request: &UnsendRequest) -> Option<Self> {
        Some(Self { author: request.author.parse().ok()?, sent_at: request.timestamp })
    }

    /// The quote of this message. Its words are left out: readers look them up, so that nobody can put others in.
    pub(super) fn quote(&self) -> Quote {
        Quote { id: self.sent_at, author: self.author.to_string(), ..Quote::default() }
    }
}

/// Content that puts an emoji on a message, or takes it off.
#[must_use]
pub fn reaction(target: &Target, emoji: Emoji, is_removed: bool, sent_at: u64) -> Content {
    let reaction = Reaction {
        id: target.sent_at,
        author: target.author.to_string(),
        emoji: Some(emoji.as_str().to_owned()),
        action: if is_removed { Action::Remove } else { Action::React }.into(),
    };
    let data = DataMessage { reaction: Some(reaction), ..DataMessage::default() };
    let mut content =
        Content { data_message: Some(data), sig_timestamp: Some(sent_at), ..Content::default() };
    Expiration::Never.write(&mut content);
    content
}

/// Content that takes a message back. Only its author may send it, to the other side and to oneself.
#[must_use]
pub fn unsend(target: &Target, sent_at: u64) -> Content {
    let request = UnsendRequest { timestamp: target.sent_at, author: target.author.to_string() };
    Content { unsend_request: Some(request), sig_timestamp: Some(sent_at), ..Content::default() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::content::{Kind, Text};

    const SENT_AT: u64 = 1_754_971_101_123;

    fn target() -> Target {
        let author = AccountId::new(crate::account::Prefix::Standard, [7; 32]);
        Target { author, sent_at: 1_754_971_096_123 }
    }

    #[test]
    fn what_is_pointed_at_is_read_back() {
        let emoji: Emoji = "😂".parse().unwrap();
        let reply = Text::new("re", SENT_AT).unwrap().with_quote(target()).into_content();
        let reaction = reaction(&target(), emoji, true, SENT_AT);
        let unsend = unsend(&target(), SENT_AT);

        let quote = reply.data_message.as_ref().and_then(|data| data.quote.as_ref()).unwrap();
        let reacted = reaction.data_message.as_ref().and_then(|data| data.reaction.as_ref()).unwrap();
        assert_eq!(Target::of_quote(quote), Some(target()));
        assert_eq!(Target::of_reaction(reacted), Some(target()));
        assert_eq!((reacted.emoji(), reacted.action()), ("😂", Action::Remove));
        assert_eq!(Target::of_unsend(unsend.unsend_request.as_ref().unwrap()), Some(target()));
        assert_eq!(
            [&reply, &reaction, &unsend].map(Kind::of),
            [Ok(Kind::Text), Ok(Kind::Reaction), Ok(Kind::Unsend)]
        );
    }

    /// The entries of that name in the vectors, made anew.
    #[test]
    fn the_bytes_are_those_of_released_clients() {
        let author = "05cbe94955bcba55f939cfe82ddb4e959ed81fad7556b3ec6492f25ec447ed602a";
        let target = |sent_at| Target { author: author.parse().unwrap(), sent_at };
        let emoji: Emoji = "😂".parse().unwrap();
        let own = "05c02f31822f87a0cbf0105821b864fd045fdb61688821096cfc4cb9ae17afbc22";
        let unsent = Target { author: own.parse().unwrap(), sent_at: 1_754_971_101_024 };
        let made = [
            Text::new("re", SENT_AT).unwrap().with_quote(target(1_754_971_096_123)).into_content(),
            reaction(&target(1_754_971_100_346), emoji, false, SENT_AT),
            reaction(&target(1_754_971_100_346), emoji, true, SENT_AT),
            unsend(&unsent, SENT_AT),
        ];

        let reacted = |action: &str| {
            format!(
                "0a555a5308baa9b7e38933124230356362653934393535626362613535663933396366653832646462346539353965643831\
                 66616437353536623365633634393266323565633434376564363032611a04f09f98822{action}6000680078c3afb7e38933"
            )
        };
        let expected = [
            "0a510a027265424b08bb88b7e38933124230356362653934393535626362613535663933396366653832646462346539353965\
             6438316661643735353662336563363439326632356563343437656436303261600068007\
             8c3afb7e38933"
                .to_owned(),
            reacted("000"),
            reacted("001"),
            "4a4b08e0aeb7e38933124230356330326633313832326638376130636266303130353832316238363466643034356664623631\
             36383838323130393663666334636239616531376166626332\
             3278c3afb7e38933"
                .to_owned(),
        ];
        assert_eq!(made.map(|content| hex::encode(crate::content::encode(&content))), expected);
    }

    #[test]
    fn an_author_that_is_no_id_points_at_nothing() {
        let quote = Quote { author: "05aa".to_owned(), ..target().quote() };

        assert_eq!(Target::of_quote(&quote), None);
    }
}
