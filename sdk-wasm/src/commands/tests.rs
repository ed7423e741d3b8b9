use super::*;
use crate::{Bot, mock, mock::MockHost};

#[derive(Default)]
struct Desk {
    done: Vec<String>,
}

impl Desk {
    fn commands() -> Commands<Self> {
        Commands::<Self>::new("I keep a desk.")
            .on("note", &[rest("what")], "Writes something down.", |desk, _, arguments| {
                desk.done.push(arguments.text("what")?.to_owned());
                Ok(())
            })
            .on("take", &[number("count"), word("from").optional()], "Takes some.", |desk, _, arguments| {
                let from = if arguments.has("from") { arguments.text("from")? } else { "anywhere" };
                desk.done.push(format!("{} from {from}", arguments.number("count")?));
                Ok(())
            })
            .on("lend", &[account("to"), duration("until")], "Lends.", |desk, _, arguments| {
                desk.done.push(format!("{:?}", (arguments.account("to")?, arguments.duration("until")?)));
                Ok(())
            })
            .on("broken", &[], "Asks for an argument that it does not declare.", |_, _, arguments| {
                arguments.text("what")?;
                Ok(())
            })
    }
}

impl Bot for Desk {
    fn on_command(&mut self, host: &Host, command: Command) -> Outcome {
        Self::commands().run(self, host, &command)
    }
}

#[track_caller]
fn check(text: &str, answer: &str) {
    let mock = MockHost::new();
    let mut desk = Desk::default();

    mock.say(&mut desk, &mock::account(1), text).expect("it is answered");

    assert_eq!(mock.texts(), [answer]);
    assert!(desk.done.is_empty(), "nothing was done");
}

#[test]
fn arguments_come_by_name_and_kind() {
    let mock = MockHost::new();
    let mut desk = Desk::default();

    for text in ["/note buy  tea\nand milk", "/take 3", "/TAKE -1 \"the shelf\""] {
        mock.say(&mut desk, &mock::account(1), text).expect("it fits");
    }

    assert_eq!(desk.done, ["buy  tea\nand milk", "3 from anywhere", "-1 from the shelf"]);
    assert!(mock.texts().is_empty());
}

#[test]
fn help_is_the_table() {
    let usage = "I keep a desk.\n\
                 /note <what…>: Writes something down.\n\
                 /take <count> [from]: Takes some.\n\
                 /lend <to> <until>: Lends.\n\
                 /broken: Asks for an argument that it does not declare.";

    check("/help", usage);
    check("/help take", "/take <count> [from]\nTakes some.");
    check("/help /note", "/note <what…>\nWrites something down.");
}

#[test]
fn what_does_not_fit_is_answered_with_what_would() {
    check("/note", "`what` is missing.\nUsage: /note <what…>");
    check("/note \" \"", "`what` is empty.\nUsage: /note <what…>");
    check("/take few", "`count` is no whole number.\nUsage: /take <count> [from]");
    check("/take 1 a b", "That is more than this command takes.\nUsage: /take <count> [from]");
    let no_account = "`to` is no account id: those are 66 characters of hex and begin with 05.\n\
                      Usage: /lend <to> <until>";
    check("/lend bob 1d", no_account);
}

#[test]
fn an_unknown_command_is_answered_with_the_nearest() {
    check("/not x", "I do not know that command. Did you mean /note? /help lists all.");
    check("/hepl", "I do not know that command. Did you mean /help? /help lists all.");
    check("/weather", "I do not know that command. /help lists all.");
    check("/help weather", "I do not know that command. /help lists all.");
}

#[test]
fn a_mistake_in_the_table_is_rejected_with_its_name() {
    let mock = MockHost::new();

    let failure = mock.say(&mut Desk::default(), &mock::account(1), "/broken").unwrap_err();

    assert!(failure.to_string().contains("`what`"), "{failure}");
}
