//! Standard input, read on a thread of its own: a request to stop is heard while nobody types.

use std::{
    io::{self, BufRead as _, Read as _, stdin},
    thread,
};

use tokio::sync::oneshot;
use zeroize::Zeroizing;

use crate::exit::{Code, Failure};

/// How much is read.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Until {
    /// One line, as a person types it.
    EndOfLine,
    /// Everything, as a file or another program gives it.
    End,
}

/// Reads a text of at most `limit` bytes; `what` names it in a refusal.
pub(crate) async fn read(what: &str, until: Until, limit: usize) -> Result<Zeroizing<String>, Failure> {
    let (told, heard) = oneshot::channel();
    let work = move || {
        // Whoever asked may have stopped waiting.
        let _ = told.send(take(stdin().lock(), until, limit));
    };
    thread::Builder::new()
        .name("starling-input".to_owned())
        .spawn(work)
        .map_err(|error| Failure::machine(format!("could not read standard input: {error}")))?;
    let bytes = heard
        .await
        .map_err(|_| Failure::new(Code::Other, format!("the reading of {what} broke off")))?
        .map_err(|error| Failure::usage(format!("could not read {what} from standard input: {error}")))?;
    text(what, &bytes, limit)
}

/// One byte more than allowed, if there is one: what is too long is refused rather than cut.
fn take(source: impl io::BufRead, until: Until, limit: usize) -> io::Result<Zeroizing<Vec<u8>>> {
    let mut bytes = Zeroizing::new(Vec::with_capacity(limit + 1));
    let mut source = source.take(u64::try_from(limit).map_or(u64::MAX, |limit| limit.saturating_add(1)));
    match until {
        Until::EndOfLine => source.read_until(b'\n', &mut bytes)?,
        Until::End => source.read_to_end(&mut bytes)?,
    };
    Ok(bytes)
}

fn text(what: &str, bytes: &[u8], limit: usize) -> Result<Zeroizing<String>, Failure> {
    if bytes.len() > limit {
        return Err(Failure::usage(format!(
            "{what} on standard input is longer than {limit} bytes, the most that is read; give a shorter one"
        )));
    }
    std::str::from_utf8(bytes)
        .map(|text| Zeroizing::new(text.to_owned()))
        .map_err(|_| Failure::usage(format!("{what} on standard input is not text: expected valid UTF-8")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(source: &[u8], until: Until) -> Result<String, String> {
        let bytes = take(source, until, 8).unwrap();
        text("the text", &bytes, 8).map(|text| text.to_string()).map_err(|failure| failure.to_string())
    }

    #[test]
    fn what_is_too_long_is_refused_rather_than_cut() {
        assert_eq!(read(b"12345678", Until::End).unwrap(), "12345678");
        let refused = read(b"123456789", Until::End).unwrap_err();
        assert!(refused.starts_with("the text on standard input is longer than 8 bytes"), "{refused}");
        // The limit lies in the middle of a letter.
        assert_eq!(read("1234567ää".as_bytes(), Until::End).unwrap_err(), refused);
    }

    #[test]
    fn a_line_ends_with_its_line_feed_and_bytes_are_no_text() {
        assert_eq!(read(b"one\ntwo\nthree", Until::EndOfLine).unwrap(), "one\n");
        assert!(read(b"\xff\xfe", Until::End).unwrap_err().contains("valid UTF-8"));
    }
}
