//! `starling send`.

use starling::{
    contracts::inbox::{SendText, Sent},
    protocol::account::AccountId,
};

use crate::{
    arguments::{Global, Send},
    client::{self, Interruptible, Plugins},
    exit::Failure,
    input::{self, Until},
    output::Output,
    progress,
};

/// No swarm takes a message of that size.
const MAX_TEXT_BYTES: usize = 1 << 20;
/// The actor may have handed the message over already, and goes on until it is told to stop.
const UNFINISHED: &str = "stopped before the message was acknowledged; it may have been stored, and sending it again may send it twice";

pub(crate) async fn send(global: &Global, options: &Send) -> Result<(), Failure> {
    let profile = client::profile(&options.profile)?;
    let to =
        AccountId::parse_target(&options.to).map_err(|error| Failure::usage(format!("--to: {error}")))?;
    let mut verb = Interruptible::begin(Some(UNFINISHED))?;
    let body = verb.prepare(text(&options.text)).await?;
    let runtime = verb.prepare(client::online(global, Plugins::Rest)).await?;
    verb.with(runtime, async |runtime| {
        let sent = progress::spin("sending", runtime.ask(SendText { profile, to, body })).await?;
        print(Output::new(global.json), &sent)
    })
    .await
}

async fn text(given: &str) -> Result<String, Failure> {
    if given != "-" {
        return Ok(given.to_owned());
    }
    let text = input::read("the text", Until::End, MAX_TEXT_BYTES).await?;
    // The line feed that ends what was piped in belongs to the pipe.
    Ok(text.trim_end_matches('\n').to_owned())
}

fn print(output: Output, sent: &Sent) -> Result<(), Failure> {
    output.fact(sent, || {
        let Sent { hash, timestamp, stored_by, synced, .. } = sent;
        let members: String = stored_by.iter().map(|member| format!("\n          {member}")).collect();
        let synced =
            if *synced { "" } else { "\nnote      the copy for your other devices could not be stored" };
        format!(
            "hash      {hash}\ntime      {timestamp}\nstored by {} members{members}{synced}",
            stored_by.len()
        )
    })
}
