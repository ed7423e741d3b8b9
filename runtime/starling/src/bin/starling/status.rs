//! `starling status`: asks a running process how it is, at its operator's listener.

mod enquiry;
mod report;

use serde_json::Value;

use self::{enquiry::Refusal, report::Report};
use crate::{
    arguments::{Global, Status},
    exit::Failure,
    output::Output,
    settings,
};

pub(crate) async fn status(global: &Global, options: &Status) -> Result<(), Failure> {
    let address = match options.operator {
        Some(address) => address,
        None => settings::load(global)?.value.gateway.operator,
    };
    if address.port() == 0 {
        return Err(Failure::usage(
            "gateway.operator has port 0, so the running process has one that the system chose; give it with --operator \
             ADDRESS:PORT, as `starling run` printed it",
        ));
    }
    let body = enquiry::get(address, "/stats").await.map_err(|refusal| failure(address, &refusal))?;
    let told: Value = serde_json::from_slice(&body).map_err(|_| failure(address, &Refusal::NoAnswer))?;
    if !told.is_object() {
        return Err(failure(address, &Refusal::NoAnswer));
    }
    Output::new(global.json).fact(&told, || Report(&told).to_string())
}

fn failure(address: std::net::SocketAddr, refusal: &Refusal) -> Failure {
    Failure::network(match refusal {
        Refusal::Connect(error) => format!(
            "nobody listens on {address} ({error}); start a process with `starling run`, or name its operator's listener \
             with --operator ADDRESS:PORT"
        ),
        Refusal::Broken(error) => format!("the connection to {address} broke: {error}"),
        Refusal::Late => format!("{address} did not answer in time"),
        Refusal::TooLong => format!("{address} answered more than any status has"),
        Refusal::Status(status) => {
            format!(
                "{address} answered with HTTP status {status}; is that the operator's listener of this version?"
            )
        }
        Refusal::NoAnswer => format!("what listens on {address} is not an operator's listener of starling"),
    })
}
