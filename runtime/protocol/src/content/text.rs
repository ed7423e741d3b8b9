//! Making the contents that a text conversation needs: the text, its copy to oneself, a change of the timer.

use std::fmt;

use super::proto::LokiProfile;
use super::{Content, DataMessage, Expiration, Target, TextError};
use crate::account::AccountId;

/// Longest text without paid features, in Unicode code points (messages §13).
pub const MAX_BODY_CHARS: usize = 2_000;

/// Incoming texts are shown up to here, in Unicode code points, whatever their sender has paid for (messages §13).
pub const MAX_INCOMING_BODY_CHARS: usize = 10_000;

/// `DataMessage.flags` of a message that changes the disappearing-message timer.
pub const TIMER_UPDATE_FLAG: u32 = 2;

/// The sender's profile, which travels with every message (identity §4).
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Profile {
    /// The display name.
    pub name: String,
    /// Address and 32-byte key of the picture; they only go together.
    pub picture: Option<(String, [u8; 32])>,
    /// When the profile was last changed, in seconds.
    pub updated_at_seconds: u64,
}

/// A text message on its way to becoming content.
#[derive(Clone, PartialEq, Eq)]
pub struct Text {
    body: String,
    sent_at: u64,
    quote: Option<Target>,
    profile: Option<Profile>,
    expiration: Expiration,
}

impl Text {
    /// Starts with what a text cannot lack: the words, and when they are sent, in milliseconds of network time.
    ///
    /// # Errors
    /// When there is no word, or more than [`MAX_BODY_CHARS`].
    pub fn new(body: impl Into<String>, sent_at: u64) -> Result<Self, TextError> {
        let body = body.into();
        let got = body.chars().count();
        if body.trim().is_empty() {
            return Err(TextError::Empty);
        }
        if got > MAX_BODY_CHARS {
            return Err(TextError::TooLong { got, limit: MAX_BODY_CHARS });
        }
        Ok(Self { body, sent_at, quote: None, profile: None, expiration: Expiration::Never })
    }

    /// Makes it an answer to a message of the same conversation.
    #[must_use]
    pub fn with_quote(self, quoted: Target) -> Self {
        Self { quote: Some(quoted), ..self }
    }

    /// Lets the sender's profile travel with it.
    #[must_use]
    pub fn with_profile(self, profile: Profile) -> Self {
        Self { profile: Some(profile), ..self }
    }

    /// Lets it disappear.
    #[must_use]
    pub fn with_expiration(self, expiration: Expiration) -> Self {
        Self { expiration, ..self }
    }

    /// The content, with the fields that released clients set (messages §2.7).
    #[must_use]
    pub fn into_content(self) -> Content {
        let quote = self.quote.map(|quoted| quoted.quote());
        let mut data = DataMessage { body: Some(self.body), quote, ..DataMessage::default() };
        if let Some(profile) = self.profile {
            let (url, key) = profile.picture.unzip();
            data.profile_key = key.map(|key| key.to_vec());
            data.profile = Some(LokiProfile {
                display_name: Some(profile.name),
                profile_picture: url,
                last_update_seconds: Some(profile.updated_at_seconds),
            });
        }
        let mut content =
            Content { data_message: Some(data), sig_timestamp: Some(self.sent_at), ..Content::default() };
        self.expiration.write(&mut content);
        content
    }
}

impl fmt::Debug for Profile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Profile(..)")
    }
}

impl fmt::Debug for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Text(..)")
    }
}

/// The copy of a sent data message for one's own devices: it names the recipient and leaves the profile out (messages §9).
///
/// `None` when the content holds no data message: the other kinds are synchronised without a target, or not at all.
#[must_use]
pub fn sync_copy(content: &Content, recipient: &AccountId) -> Option<Content> {
    let mut copy = content.clone();
    let data = copy.data_message.as_mut()?;
    data.sync_target = Some(recipient.to_string());
    data.profile = None;
    data.profile_key = None;
    Some(copy)
}

/// Content that changes the timer of a conversation to `expiration` (messages §11).
#[must_use]
pub fn timer_update(expiration: Expiration, sent_at: u64) -> Content {
    let data = DataMessage { flags: Some(TIMER_UPDATE_FLAG), ..DataMessage::default() };
    let mut content =
        Content { data_message: Some(data), sig_timestamp: Some(sent_at), ..Content::default() };
    expiration.write(&mut content);
    content
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn length_is_counted_in_characters_and_refused_with_the_limit() {
        assert!(Text::new("é".repeat(2_000), 1).is_ok());
        assert_eq!(
            Text::new("é".repeat(2_001), 1).unwrap_err().to_string(),
            "message has 2001 characters, expected at most 2000"
        );
        assert_eq!(Text::new(" \n", 1).unwrap_err(), TextError::Empty);
    }

    #[test]
    fn the_copy_for_oneself_names_the_recipient_and_drops_the_profile() {
        let recipient = AccountId::new(crate::account::Prefix::Standard, [7; 32]);
        let profile = Profile {
            name: "Ada".into(),
            picture: Some(("http://x".into(), [1; 32])),
            updated_at_seconds: 5,
        };
        let sent = Text::new("hi", 9).unwrap().with_profile(profile).into_content();

        let copy = sync_copy(&sent, &recipient).unwrap().data_message.unwrap();

        assert_eq!(copy.sync_target, Some(recipient.to_string()));
        assert_eq!((copy.profile, copy.profile_key), (None, None));
        assert_eq!(copy.body.as_deref(), Some("hi"));
        assert!(sent.data_message.unwrap().profile.is_some());
    }
}
