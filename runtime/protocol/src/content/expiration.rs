//! When a message disappears (messages §11).

use super::Content;
use super::proto::content::ExpirationType;

/// When a message disappears, as its sender set it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Expiration {
    /// It stays.
    #[default]
    Never,
    /// This many seconds after it was read.
    AfterRead {
        /// Seconds, not 0.
        seconds: u32,
    },
    /// This many seconds after it was sent.
    AfterSend {
        /// Seconds, not 0.
        seconds: u32,
    },
}

impl Expiration {
    /// What a content carries: absent fields, timer 0 or an unknown type mean that it stays.
    #[must_use]
    pub fn of(content: &Content) -> Self {
        match (content.expiration_type(), content.expiration_timer()) {
            (_, 0) | (ExpirationType::Unknown, _) => Self::Never,
            (ExpirationType::DeleteAfterRead, seconds) => Self::AfterRead { seconds },
            (ExpirationType::DeleteAfterSend, seconds) => Self::AfterSend { seconds },
        }
    }

    /// Writes both fields, also when the message stays, as the mobile clients do.
    pub(super) fn write(self, content: &mut Content) {
        let (kind, seconds) = match self {
            Self::Never | Self::AfterRead { seconds: 0 } | Self::AfterSend { seconds: 0 } => {
                (ExpirationType::Unknown, 0)
            }
            Self::AfterRead { seconds } => (ExpirationType::DeleteAfterRead, seconds),
            Self::AfterSend { seconds } => (ExpirationType::DeleteAfterSend, seconds),
        };
        content.set_expiration_type(kind);
        content.expiration_timer = Some(seconds);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_back() {
        for expiration in [
            Expiration::Never,
            Expiration::AfterRead { seconds: 300 },
            Expiration::AfterSend { seconds: 86_400 },
        ] {
            let mut content = Content::default();
            expiration.write(&mut content);
            assert_eq!(Expiration::of(&content), expiration);
        }
    }

    #[test]
    fn a_timer_without_a_type_or_a_type_without_a_timer_stays() {
        let typed = Content { expiration_type: Some(1), ..Content::default() };
        let timed = Content { expiration_timer: Some(60), ..Content::default() };
        let unknown = Content { expiration_type: Some(9), expiration_timer: Some(60), ..Content::default() };

        for content in [typed, timed, unknown, Content::default()] {
            assert_eq!(Expiration::of(&content), Expiration::Never);
        }
    }
}
