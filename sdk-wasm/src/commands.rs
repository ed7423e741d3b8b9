//! A table of the commands that a bot understands.

mod argument;
mod arguments;
mod nearest;

pub use argument::{Argument, account, duration, number, rest, word};
pub use arguments::Arguments;

use crate::{Command, Host, Outcome};

/// What does a command's work. The arguments are there, and of the kinds that the table names.
type Handler<B> = fn(&mut B, &Host, &Arguments) -> Outcome;

/// A table of commands: the name, the arguments, a line of help and the method of each.
///
/// `/help` answers with the table and `/help NAME` with one line of it. A command that is not there, and arguments that do not
/// fit, are answered with what was expected. Answers need `send`.
///
/// ```
/// use starling_plugin::{
///     Arguments, Bot, Command, Commands, Host, Outcome, duration, mock::{MockHost, account}, rest,
/// };
///
/// #[derive(Default)]
/// struct Reminder;
///
/// impl Reminder {
///     fn commands() -> Commands<Self> {
///         Commands::new("I remind people.")
///             .on("remind", &[duration("when"), rest("what")], "Reminds you of something.", Self::remind)
///     }
///
///     fn remind(&mut self, host: &Host, arguments: &Arguments) -> Outcome {
///         host.timers().set(arguments.text("what")?, arguments.duration("when")?)?;
///         Ok(())
///     }
/// }
///
/// impl Bot for Reminder {
///     fn on_command(&mut self, host: &Host, command: Command) -> Outcome {
///         Self::commands().run(self, host, &command)
///     }
/// }
///
/// let mock = MockHost::new();
/// mock.say(&mut Reminder, &account(1), "/remind soon buy milk").expect("a wrong argument is answered");
/// assert_eq!(
///     mock.texts(),
///     ["`when` is no duration: write it like 30s, 10m, 1h30m, 2d or 1w.\nUsage: /remind <when> <what…>"]
/// );
/// ```
pub struct Commands<B> {
    title: String,
    entries: Vec<Entry<B>>,
}

/// One line of the table.
struct Entry<B> {
    name: &'static str,
    arguments: Vec<Argument>,
    help: &'static str,
    handler: Handler<B>,
}

impl<B> Commands<B> {
    /// An empty table; `title` is the first line of `/help`.
    pub fn new(title: impl Into<String>) -> Self {
        Self { title: title.into(), entries: Vec::new() }
    }

    /// The same with one more command: its name without the slash and in lower case, its arguments, its line of help, and the
    /// method that does its work.
    pub fn on(
        mut self,
        name: &'static str,
        arguments: &[Argument],
        help: &'static str,
        handler: Handler<B>,
    ) -> Self {
        self.entries.push(Entry { name, arguments: arguments.to_vec(), help, handler });
        self
    }

    /// Does a command's work, or answers why not.
    pub fn run(&self, bot: &mut B, host: &Host, command: &Command) -> Outcome {
        let answer = match self.entry(&command.name) {
            Some(entry) => match Arguments::take(&entry.arguments, command) {
                Ok(arguments) => return (entry.handler)(bot, host, &arguments),
                Err(problem) => format!("{problem}\nUsage: {}", entry.usage()),
            },
            None if command.name == "help" => self.help(command.arguments.first().map(String::as_str)),
            None => self.unknown(&command.name),
        };
        host.outbox().send_long(command.message.conversation(), &answer)?;
        Ok(())
    }

    /// What `/help` answers, or with a name, `/help NAME`.
    pub fn help(&self, name: Option<&str>) -> String {
        let Some(name) = name else { return self.overview() };
        let name = name.trim_start_matches('/').to_lowercase();
        match self.entry(&name) {
            Some(entry) => format!("{}\n{}", entry.usage(), entry.help),
            None => self.unknown(&name),
        }
    }

    fn overview(&self) -> String {
        let mut text = self.title.clone();
        for entry in &self.entries {
            text.push_str(&format!("\n{}: {}", entry.usage(), entry.help));
        }
        text
    }

    fn unknown(&self, name: &str) -> String {
        let names = self.entries.iter().map(|entry| entry.name).chain(["help"]);
        match nearest::nearest(name, names) {
            Some(near) => format!("I do not know that command. Did you mean /{near}? /help lists all."),
            None => "I do not know that command. /help lists all.".to_owned(),
        }
    }

    fn entry(&self, name: &str) -> Option<&Entry<B>> {
        self.entries.iter().find(|entry| entry.name == name)
    }
}

impl<B> Entry<B> {
    fn usage(&self) -> String {
        let mut usage = format!("/{}", self.name);
        for argument in &self.arguments {
            usage.push(' ');
            usage.push_str(&argument.to_string());
        }
        usage
    }
}

#[cfg(test)]
mod tests;
