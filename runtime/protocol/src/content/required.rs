//! Checks that no message lacks a field that the schema requires.
//!
//! Other implementations refuse such a message as a whole. The generated decoder does not, so this walks the bytes a
//! second time, through the messages that are nested in each other, with the tables that the build script made.

use prost::encoding::{DecodeContext, WireType, decode_key, decode_varint, skip_field};

use super::Error;

/// Which fields a message must have, and which of its fields are messages themselves.
#[derive(Debug)]
pub(crate) struct Shape {
    message: &'static str,
    required: &'static [(u32, &'static str)],
    nested: &'static [(u32, &'static Self)],
}

include!(concat!(env!("OUT_DIR"), "/required.rs"));

/// Checks the encoding of one message and of all that are nested in it.
pub(crate) fn check(mut bytes: &[u8], shape: &Shape) -> Result<(), Error> {
    // A bit per entry of `required`; no message of the schema has more than a handful.
    let mut seen = 0_u64;
    while !bytes.is_empty() {
        let (number, wire_type) = decode_key(&mut bytes)?;
        if let Some(index) = shape.required.iter().position(|(required, _)| *required == number) {
            seen |= 1 << index;
        }
        let start = bytes;
        skip_field(wire_type, number, &mut bytes, DecodeContext::default())?;
        let nested = shape.nested.iter().find(|(field, _)| *field == number);
        if let (Some((_, inner)), WireType::LengthDelimited) = (nested, wire_type) {
            let mut inside = &start[..start.len() - bytes.len()];
            decode_varint(&mut inside)?;
            check(inside, inner)?;
        }
    }
    match shape.required.iter().enumerate().find(|(index, _)| seen & (1 << index) == 0) {
        Some((_, (_, field))) => Err(Error::MissingField { message: shape.message, field }),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use crate::content::{Error, decode};

    #[track_caller]
    fn missing(content: &str, message: &'static str, field: &'static str) {
        let bytes = hex::decode(content).unwrap();
        assert_eq!(decode(&bytes).unwrap_err(), Error::MissingField { message, field });
    }

    #[test]
    fn a_missing_required_field_is_named_at_any_depth() {
        // typingMessage{action}, dataMessage{quote{id}}, groupUpdateMessage{inviteMessage{}}.
        missing("32021000", "TypingMessage", "timestamp");
        missing("0a0442020801", "Quote", "author");
        missing("0a05c207020a00", "GroupUpdateInviteMessage", "group_session_id");
    }

    #[test]
    fn unknown_fields_and_groups_are_skipped() {
        // Field 200 as varint, field 201 as a group with a field in it, then sigTimestamp 1.
        let bytes = hex::decode("c00c05cb0c0801cc0c7801").unwrap();

        assert_eq!(decode(&bytes).unwrap().sig_timestamp, Some(1));
    }

    #[test]
    fn every_cut_of_a_message_is_refused_or_is_a_message_itself() {
        let bytes = hex::decode("0a510a027265424b08bb88b7e38933124230356362653934393535").unwrap();

        for end in 1..bytes.len() {
            assert!(matches!(decode(&bytes[..end]), Err(Error::Malformed(_))), "cut at {end}");
        }
    }
}
