//! What somebody wants to send, checked as far as it can be before anybody is asked for the time.

use starling_contracts::{
    accounts::AccountSecrets,
    inbox::{Detail, Error, MessageKind, MessageRef},
};
use starling_protocol::{
    account::AccountId,
    content::{self, Content, Emoji, Profile, Target, Text, TextError, sync_copy},
};

/// What one message is to say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Draft {
    /// A text, which may be an answer to another message.
    Text { body: String, quoted: Option<Target> },
    /// An emoji on a message, or off it.
    Reaction { target: Target, emoji: Emoji, is_removed: bool },
    /// A message of one's own is taken back: the one of this time, Unix milliseconds.
    Unsend { sent_at: u64 },
}

impl Draft {
    pub(crate) fn text(body: String) -> Result<Self, Error> {
        new_text(&body, 0)?;
        Ok(Self::Text { body, quoted: None })
    }

    /// A text to `to` that quotes a message.
    pub(crate) fn reply(to: &AccountId, body: String, quoted: MessageRef) -> Result<Self, Error> {
        new_text(&body, 0)?;
        Ok(Self::Text { body, quoted: Some(target_with(to, quoted)?) })
    }

    pub(crate) fn reaction(
        to: &AccountId,
        target: MessageRef,
        emoji: &str,
        is_removed: bool,
    ) -> Result<Self, Error> {
        let target = target_with(to, target)?;
        let emoji = emoji.parse().map_err(|_| Error::NotAnEmoji)?;
        Ok(Self::Reaction { target, emoji, is_removed })
    }

    pub(crate) fn unsend(sent_at: u64) -> Self {
        Self::Unsend { sent_at }
    }

    /// The rest of what can be checked, once it is known who sends: in a conversation of two, only they have written.
    pub(crate) fn check_authors(&self, own: &AccountId, to: &AccountId) -> Result<(), Error> {
        match self {
            Self::Text { quoted: Some(target), .. } | Self::Reaction { target, .. }
                if target.author != *own && target.author != *to =>
            {
                Err(Error::BadTarget("the author of the other message is not in this conversation"))
            }
            _ => Ok(()),
        }
    }

    /// What the recipient gets.
    pub(crate) fn content(&self, secrets: &AccountSecrets, sent_at: u64) -> Result<Content, Error> {
        match self {
            Self::Text { body, quoted } => {
                let text = new_text(body, sent_at)?;
                let text = quoted.iter().copied().fold(text, Text::with_quote);
                Ok(profile(secrets).into_iter().fold(text, Text::with_profile).into_content())
            }
            Self::Reaction { target, emoji, is_removed } => {
                Ok(content::reaction(target, *emoji, *is_removed, sent_at))
            }
            Self::Unsend { sent_at: target } => {
                let target = Target { author: secrets.keys.id(), sent_at: *target };
                Ok(content::unsend(&target, sent_at))
            }
        }
    }

    /// What one's other devices get: the same, and whom it went to where there is a place for that (messages §9).
    pub(crate) fn copy(
        &self,
        secrets: &AccountSecrets,
        to: &AccountId,
        sent_at: u64,
    ) -> Result<Content, Error> {
        let content = self.content(secrets, sent_at)?;
        Ok(sync_copy(&content, to).unwrap_or(content))
    }

    /// Is this what the message with that copy says?
    pub(crate) fn is_said_by(
        &self,
        secrets: &AccountSecrets,
        to: &AccountId,
        sent_at: u64,
        encoded_copy: &[u8],
    ) -> bool {
        self.copy(secrets, to, sent_at).is_ok_and(|copy| content::encode(&copy) == encoded_copy)
    }

    /// The text; empty where there is none.
    pub(crate) fn body(&self) -> &str {
        match self {
            Self::Text { body, .. } => body,
            Self::Reaction { .. } | Self::Unsend { .. } => "",
        }
    }

    pub(crate) fn kind(&self) -> MessageKind {
        match self {
            Self::Text { .. } => MessageKind::Text,
            Self::Reaction { .. } | Self::Unsend { .. } => MessageKind::Control,
        }
    }

    /// The particulars that are kept of it.
    pub(crate) fn detail(&self, own: &AccountId, to: &AccountId) -> Option<Detail> {
        let named = |author, sent_at| MessageRef { conversation: *to, author, sent_at };
        match self {
            Self::Text { .. } => None,
            Self::Reaction { target, emoji, is_removed } => Some(Detail::Reaction {
                target: named(target.author, target.sent_at),
                emoji: emoji.to_string(),
                is_removed: *is_removed,
            }),
            Self::Unsend { sent_at } => Some(Detail::Deletion { target: named(*own, *sent_at) }),
        }
    }
}

fn target_with(to: &AccountId, message: MessageRef) -> Result<Target, Error> {
    let MessageRef { conversation, author, sent_at } = message;
    match conversation == *to {
        true => Ok(Target { author, sent_at }),
        false => Err(Error::BadTarget("the other message is of another conversation than the recipient's")),
    }
}

fn new_text(body: &str, sent_at: u64) -> Result<Text, Error> {
    Text::new(body, sent_at).map_err(|error| match error {
        TextError::TooLong { got, limit } => Error::TooManyCharacters { got, limit },
        _ => Error::Empty,
    })
}

fn profile(secrets: &AccountSecrets) -> Option<Profile> {
    let name = secrets.account.name.clone();
    (!name.is_empty()).then_some(Profile { name, picture: None, updated_at_seconds: secrets.name_updated_at })
}

#[cfg(test)]
mod tests {
    use starling_contracts::accounts::Account;
    use starling_protocol::account::AccountKeys;
    use zeroize::Zeroizing;

    use super::*;

    fn secrets() -> AccountSecrets {
        let keys = AccountKeys::from_seed(&[1; 16]);
        let account = Account { id: keys.id(), profile: "a".parse().unwrap(), name: "A".to_owned() };
        AccountSecrets { account, name_updated_at: 5, keys, at_rest: Zeroizing::new([2; 32]) }
    }

    fn peer() -> AccountId {
        AccountKeys::from_seed(&[3; 16]).id()
    }

    #[test]
    fn drafts_are_told_apart_by_all_they_say() {
        let (secrets, to) = (secrets(), peer());
        let of = |sent_at| MessageRef { conversation: to, author: to, sent_at };
        let drafts = [
            Draft::text("hi".to_owned()),
            Draft::reply(&to, "hi".to_owned(), of(1)),
            Draft::reply(&to, "hi".to_owned(), of(2)),
            Draft::reaction(&to, of(1), "👍", false),
            Draft::reaction(&to, of(1), "👍", true),
            Draft::reaction(&to, of(1), "😂", false),
            Ok(Draft::unsend(1)),
            Ok(Draft::unsend(2)),
        ]
        .map(Result::unwrap);

        for (position, draft) in drafts.iter().enumerate() {
            let copy = content::encode(&draft.copy(&secrets, &to, 9).unwrap());
            let same: Vec<usize> = (0..drafts.len())
                .filter(|other| drafts[*other].is_said_by(&secrets, &to, 9, &copy))
                .collect();
            assert_eq!(same, [position]);
            assert!(!draft.is_said_by(&secrets, &to, 10, &copy), "another time is another message");
        }
    }

    #[test]
    fn only_messages_of_the_conversation_can_be_pointed_at() {
        let (own, to) = (secrets().keys.id(), peer());
        let stranger = AccountKeys::from_seed(&[4; 16]).id();
        let message = |conversation, author| MessageRef { conversation, author, sent_at: 1 };
        let react = |target| Draft::reaction(&to, target, "👍", false);

        assert!(matches!(react(message(stranger, to)), Err(Error::BadTarget(_))));
        for (author, expected) in [(own, true), (to, true), (stranger, false)] {
            let draft = react(message(to, author)).unwrap();
            assert_eq!(draft.check_authors(&own, &to).is_ok(), expected);
        }
        assert_eq!(Draft::reaction(&to, message(to, to), "ok", false), Err(Error::NotAnEmoji));
    }
}
