//! A text that begins with `/`, taken apart.

use crate::Message;

/// A longer word names no command.
const LONGEST_NAME: usize = 64;
/// What is behind so many words belongs to the last one.
const MOST_ARGUMENTS: usize = 64;

/// A message whose first character is `/`. `/remind 10m tea` has the name `remind` and two arguments.
///
/// A table of [`Commands`](crate::Commands) takes it from here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Command {
    /// The word behind the slash, in lower case.
    pub name: String,
    /// The other words; words in double quotes belong together.
    pub arguments: Vec<String>,
    /// The message that it came in.
    pub message: Message,
}

impl Command {
    /// Takes a message apart as the host does, for a plugin that gets all texts as messages. Nothing when it is no command.
    pub fn parse(message: &Message) -> Option<Self> {
        let (name, behind) = split_name(&message.body)?;
        let is_name = (1..=LONGEST_NAME).contains(&name.len())
            && name.chars().all(|letter| letter.is_alphanumeric() || letter == '-' || letter == '_');
        let arguments = || words(behind).into_iter().map(|(_, word)| word).collect();
        is_name.then(|| Self { name: name.to_lowercase(), arguments: arguments(), message: message.clone() })
    }

    /// What was written from the argument with that index on, line ends and all.
    ///
    /// A single argument comes without its quotes.
    pub fn rest(&self, index: usize) -> String {
        let arguments = self.arguments.get(index..).unwrap_or_default();
        if let [only] = arguments {
            return only.clone();
        }
        let behind = split_name(&self.message.body).map(|(_, behind)| behind).unwrap_or_default();
        let words = words(behind);
        match words.get(index) {
            // The host may count words otherwise one day; then its words are the truth.
            Some((at, _)) if words.len() == self.arguments.len() => behind[*at..].trim_end().to_owned(),
            _ => arguments.join(" "),
        }
    }
}

/// The word behind the slash, and all behind that.
fn split_name(body: &str) -> Option<(&str, &str)> {
    let behind = body.strip_prefix('/')?;
    Some(behind.split_at(behind.find(char::is_whitespace).unwrap_or(behind.len())))
}

/// The words of a text and where each begins.
fn words(text: &str) -> Vec<(usize, String)> {
    let mut words = Vec::new();
    let mut rest = text.trim_start();
    while !rest.is_empty() {
        let at = text.len() - rest.len();
        if words.len() + 1 == MOST_ARGUMENTS {
            words.push((at, rest.trim_end().to_owned()));
            break;
        }
        let (word, behind) = first_word(rest);
        words.push((at, word));
        rest = behind.trim_start();
    }
    words
}

/// The first word and what is behind it. Quotes go, and within them a backslash takes the meaning from a quote or a
/// backslash; a quote that is not closed reaches to the end.
fn first_word(text: &str) -> (String, &str) {
    let mut word = String::new();
    let mut is_quoted = false;
    let mut letters = text.char_indices().peekable();
    while let Some((at, letter)) = letters.next() {
        match letter {
            '"' => is_quoted = !is_quoted,
            '\\' if is_quoted => {
                let escaped = letters.next_if(|(_, next)| matches!(next, '"' | '\\'));
                word.push(escaped.map_or('\\', |(_, next)| next));
            }
            _ if letter.is_whitespace() && !is_quoted => return (word, &text[at..]),
            _ => word.push(letter),
        }
    }
    (word, "")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mock;

    fn command(body: &str) -> Option<Command> {
        Command::parse(&mock::message(&mock::account(1), body))
    }

    #[track_caller]
    fn check(body: &str, name: &str, arguments: &[&str]) {
        let command = command(body).expect("this is a command");
        let words: Vec<&str> = command.arguments.iter().map(String::as_str).collect();
        assert_eq!((command.name.as_str(), words.as_slice()), (name, arguments));
    }

    #[test]
    fn a_command_is_taken_apart_into_words() {
        check("/help", "help", &[]);
        check("/Remind  10m\ttea", "remind", &["10m", "tea"]);
        check("/say \"good morning\" all", "say", &["good morning", "all"]);
        check("/say \"\" \"a \\\"b\\\" \\\\ \\n\"", "say", &["", "a \"b\" \\ \\n"]);
        check("/say \"not closed", "say", &["not closed"]);
        check("/say one\"word \"so", "say", &["oneword so"]);
    }

    #[test]
    fn other_texts_are_no_commands() {
        for body in ["hello", " /help", "/", "/ help", "", "//", "/usr/bin"] {
            assert_eq!(command(body), None, "{body}");
        }
        assert_eq!(command(&format!("/{}", "x".repeat(65))), None);
    }

    #[test]
    fn many_words_end_in_one_long_one() {
        let command = command(&format!("/x {}", "a ".repeat(1_000))).unwrap();

        assert_eq!(command.arguments.len(), MOST_ARGUMENTS);
        assert_eq!(command.rest(MOST_ARGUMENTS - 1).len(), 2 * (1_000 - MOST_ARGUMENTS) + 1);
    }

    #[test]
    fn the_rest_is_as_it_was_written() {
        let asked = command("/ask  My \"new\" printer\n  does not   print ").unwrap();
        let quoted = command("/remind 10m \"buy tea\"").unwrap();

        assert_eq!(asked.rest(0), "My \"new\" printer\n  does not   print");
        assert_eq!(quoted.rest(1), "buy tea");
        assert_eq!(quoted.rest(2), "");
    }

    #[test]
    fn words_that_the_host_counts_otherwise_are_taken_as_they_are() {
        let mut command = command("/ask a  b c").unwrap();
        command.arguments = vec!["a  b".to_owned(), "c".to_owned()];

        assert_eq!(command.rest(0), "a  b c");
    }
}
