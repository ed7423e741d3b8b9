//! Commands: a text whose first character is `/`, taken apart as the contract says.

use crate::{
    call::Message,
    event::{Command, Event},
};

/// A longer word names no command of anybody's.
const MAX_NAME: usize = 64;
/// What is behind so many words belongs to the last one.
const MAX_ARGUMENTS: usize = 64;

/// The event that a text is for a plugin: a command if it is one and the plugin declares those, else a message.
pub fn offered(message: Message, declares_commands: bool) -> Event {
    match split_command(&message.body).filter(|_| declares_commands) {
        Some((name, arguments)) => Event::Command { command: Command { name, arguments, message } },
        None => Event::Message { message },
    }
}

/// The name and the arguments of a command; nothing for a text that is none.
///
/// The name is the word behind the slash, in lower case: letters, digits, `-` and `_`, at most 64 bytes. Words in double quotes
/// belong together; within them a backslash takes the meaning from a quote or a backslash. A quote that is never closed reaches to the end.
pub fn split_command(body: &str) -> Option<(String, Vec<String>)> {
    let rest = body.strip_prefix('/')?;
    let end = rest.find(char::is_whitespace).unwrap_or(rest.len());
    let (name, rest) = rest.split_at(end);
    let is_name = !name.is_empty()
        && name.len() <= MAX_NAME
        && name.chars().all(|letter| letter.is_alphanumeric() || letter == '-' || letter == '_');
    is_name.then(|| (name.to_lowercase(), split_words(rest)))
}

fn split_words(text: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut rest = text.trim_start();
    while !rest.is_empty() {
        if words.len() + 1 == MAX_ARGUMENTS {
            words.push(rest.trim_end().to_owned());
            break;
        }
        let (word, behind) = split_word(rest);
        words.push(word);
        rest = behind.trim_start();
    }
    words
}

/// The first word of a text that begins with one, and what is behind it.
fn split_word(text: &str) -> (String, &str) {
    let mut word = String::new();
    let mut is_quoted = false;
    let mut letters = text.char_indices();
    while let Some((at, letter)) = letters.next() {
        match letter {
            '"' => is_quoted = !is_quoted,
            '\\' if is_quoted => match letters.clone().next() {
                Some((_, escaped @ ('"' | '\\'))) => {
                    word.push(escaped);
                    letters.next();
                }
                _ => word.push('\\'),
            },
            letter if letter.is_whitespace() && !is_quoted => return (word, &text[at..]),
            letter => word.push(letter),
        }
    }
    (word, "")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(body: &str, name: &str, arguments: &[&str]) {
        let (got, words) = split_command(body).unwrap();
        assert_eq!(
            (got.as_str(), words.iter().map(String::as_str).collect::<Vec<_>>()),
            (name, arguments.to_vec())
        );
    }

    #[test]
    fn a_command_has_a_name_in_lower_case_and_words() {
        check("/help", "help", &[]);
        check("/Remind 10m tea", "remind", &["10m", "tea"]);
        check("/remind  10m\n \"green tea\" now", "remind", &["10m", "green tea", "now"]);
        check("/say \"\" \"a \\\"b\\\" \\\\ \\n\"", "say", &["", "a \"b\" \\ \\n"]);
        check("/say \"never closed", "say", &["never closed"]);
        check("/sage ein\"fach \"so", "sage", &["einfach so"]);
        check("/größe 1", "größe", &["1"]);
    }

    #[test]
    fn what_only_looks_like_a_command_is_a_message() {
        for body in ["", "hello", " /help", "/", "/ help", "//", "/usr/bin", "/(x)"] {
            assert_eq!(split_command(body), None, "{body:?}");
        }
        assert_eq!(split_command(&format!("/{}", "x".repeat(65))), None);
    }

    #[test]
    fn many_words_end_in_one_long_one() {
        let (_, words) = split_command(&format!("/x {}", "a ".repeat(1000))).unwrap();

        assert_eq!(words.len(), MAX_ARGUMENTS);
        assert_eq!(words[MAX_ARGUMENTS - 1].len(), 2 * (1000 - MAX_ARGUMENTS) + 1);
    }
}
