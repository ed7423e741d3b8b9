//! What kind of message a content is, and which contents are none.

use std::fmt;

use super::proto::{CallMessage, DataExtractionNotification, ReceiptMessage, call_message, receipt_message};
use super::{Content, DataMessage, KindError, TIMER_UPDATE_FLAG};

/// Attachments that other clients accept in one message (messages §2.3).
pub const MAX_ATTACHMENTS: usize = 32;

/// What a message is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Kind {
    /// Text, attachments, a quote or a link preview.
    Text,
    /// An emoji put on, or taken off, another message.
    Reaction,
    /// An invitation to a community.
    CommunityInvitation,
    /// A change of the disappearing-message timer.
    TimerUpdate,
    /// Control of a group.
    GroupUpdate,
    /// A read receipt.
    Receipt,
    /// Whether the sender is typing.
    Typing,
    /// The peer kept media or took a picture of the screen.
    DataExtraction,
    /// The sender takes a message back.
    Unsend,
    /// Call signalling, with its step.
    Call(call_message::Type),
    /// The sender accepts a message request.
    MessageRequestResponse,
}

impl Kind {
    /// The kind of a content, by the precedence of messages §8 when several parts are set.
    ///
    /// # Errors
    /// When no part is known, or the part holds nothing that could be shown or acted on.
    pub fn of(content: &Content) -> Result<Self, KindError> {
        if let Some(data) = &content.data_message {
            Self::of_data(data)
        } else if let Some(receipt) = &content.receipt_message {
            known_receipt(receipt)
        } else if content.typing_message.is_some() {
            Ok(Self::Typing)
        } else if let Some(notice) = &content.data_extraction_notification {
            known_extraction(notice)
        } else if content.unsend_request.is_some() {
            Ok(Self::Unsend)
        } else if let Some(call) = &content.call_message {
            known_call(call)
        } else if content.message_request_response.is_some() {
            Ok(Self::MessageRequestResponse)
        } else if content.configuration_message.is_some() || content.shared_config_message.is_some() {
            Err(KindError::Legacy)
        } else {
            Err(KindError::NoPart)
        }
    }

    fn of_data(data: &DataMessage) -> Result<Self, KindError> {
        match data.flags() {
            0 => {}
            TIMER_UPDATE_FLAG => return Ok(Self::TimerUpdate),
            flags => return Err(KindError::UnknownFlags { flags }),
        }
        if data.closed_group_control_message.is_some() || data.group.is_some() {
            return Err(KindError::Legacy);
        }
        if data.attachments.len() > MAX_ATTACHMENTS {
            return Err(KindError::TooManyAttachments { got: data.attachments.len() });
        }
        if data.group_update_message.is_some() {
            Ok(Self::GroupUpdate)
        } else if data.reaction.is_some() {
            Ok(Self::Reaction)
        } else if data.open_group_invitation.is_some() {
            Ok(Self::CommunityInvitation)
        } else if !data.body().is_empty()
            || !data.attachments.is_empty()
            || data.quote.is_some()
            || !data.preview.is_empty()
        {
            Ok(Self::Text)
        } else {
            Err(KindError::Empty)
        }
    }
}

/// The lower-case name that event streams use.
impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Text => "text",
            Self::Reaction => "reaction",
            Self::CommunityInvitation => "community_invitation",
            Self::TimerUpdate => "timer_update",
            Self::GroupUpdate => "group_update",
            Self::Receipt => "receipt",
            Self::Typing => "typing",
            Self::DataExtraction => "data_extraction",
            Self::Unsend => "unsend",
            Self::Call(_) => "call",
            Self::MessageRequestResponse => "message_request_response",
        })
    }
}

fn known_receipt(receipt: &ReceiptMessage) -> Result<Kind, KindError> {
    match receipt_message::Type::try_from(receipt.r#type) {
        Ok(receipt_message::Type::Read) => Ok(Kind::Receipt),
        Ok(receipt_message::Type::Delivery) => Err(KindError::Legacy),
        Err(_) => Err(KindError::UnknownType { part: "receipt", number: receipt.r#type }),
    }
}

fn known_extraction(notice: &DataExtractionNotification) -> Result<Kind, KindError> {
    if super::proto::data_extraction_notification::Type::try_from(notice.r#type).is_err() {
        return Err(KindError::UnknownType { part: "data extraction notification", number: notice.r#type });
    }
    Ok(Kind::DataExtraction)
}

fn known_call(call: &CallMessage) -> Result<Kind, KindError> {
    call_message::Type::try_from(call.r#type)
        .map(Kind::Call)
        .map_err(|_| KindError::UnknownType { part: "call message", number: call.r#type })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::content::proto::{AttachmentPointer, ReceiptMessage, TypingMessage};

    fn data(data: DataMessage) -> Content {
        Content { data_message: Some(data), ..Content::default() }
    }

    #[track_caller]
    fn check(content: &Content, expected: Result<Kind, KindError>) {
        assert_eq!(Kind::of(content), expected);
    }

    #[test]
    fn what_holds_nothing_is_no_message() {
        let body = |text: &str| Some(text.to_owned());

        check(&Content::default(), Err(KindError::NoPart));
        check(&data(DataMessage::default()), Err(KindError::Empty));
        check(&data(DataMessage { body: body(""), ..DataMessage::default() }), Err(KindError::Empty));
        check(&data(DataMessage { body: body("x"), ..DataMessage::default() }), Ok(Kind::Text));
    }

    #[test]
    fn flags_are_either_the_timer_update_or_refused() {
        let flags = |flags| data(DataMessage { flags: Some(flags), ..DataMessage::default() });

        check(&flags(2), Ok(Kind::TimerUpdate));
        check(&flags(1), Err(KindError::UnknownFlags { flags: 1 }));
        check(&flags(3), Err(KindError::UnknownFlags { flags: 3 }));
    }

    #[test]
    fn more_attachments_than_others_accept_are_refused() {
        let with = |n| {
            data(DataMessage { attachments: vec![AttachmentPointer::default(); n], ..DataMessage::default() })
        };

        check(&with(32), Ok(Kind::Text));
        check(&with(33), Err(KindError::TooManyAttachments { got: 33 }));
    }

    #[test]
    fn legacy_forms_are_told_from_unknown_ones() {
        let legacy = Content { configuration_message: Some(vec![1]), ..Content::default() };
        let group = DataMessage { closed_group_control_message: Some(vec![]), ..DataMessage::default() };
        let receipt = Content {
            receipt_message: Some(ReceiptMessage { r#type: 7, timestamp: vec![] }),
            typing_message: Some(TypingMessage::default()),
            ..Content::default()
        };

        check(&legacy, Err(KindError::Legacy));
        check(&data(group), Err(KindError::Legacy));
        check(&receipt, Err(KindError::UnknownType { part: "receipt", number: 7 }));
    }
}
