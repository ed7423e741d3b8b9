//! `starling send`.

use std::io::{Read as _, stdin};

use starling::{
    contracts::inbox::{SendText, Sent},
    protocol::account::AccountId,
};

use crate::{
    arguments::{Global, Send},
    client,
    exit::Failure,
    output::Output,
    progress,
};

/// No swarm takes a message of that size; reading stops there.
const MAX_TEXT_BYTES: u64 = 1 << 20;

pub(crate) async fn send(global: &Global, options: &Send) -> Result<(), Failure> {
    let profile = client::profile(&options.profile)?;
    let to: AccountId = options.to.parse().map_err(|error| Failure::usage(format!("--to: {error}")))?;
    let body = text(&options.text)?;
    let runtime = client::online(global).await?;
    client::with(runtime, async |runtime| {
        let sent = progress::spin("sending", runtime.ask(SendText { profile, to, body })).await?;
        print(Output::new(global.json), &sent)
    })
    .await
}

fn text(given: &str) -> Result<String, Failure> {
    if given != "-" {
        return Ok(given.to_owned());
    }
    let mut text = String::new();
    let read = stdin().take(MAX_TEXT_BYTES).read_to_string(&mut text);
    read.map_err(|error| Failure::usage(format!("could not read the text from standard input: {error}")))?;
    // The line feed that ends what was piped in belongs to the pipe.
    text.truncate(text.trim_end_matches('\n').len());
    Ok(text)
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
