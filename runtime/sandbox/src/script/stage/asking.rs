//! Asking web servers.

use starling_protocol::web::Url;

use super::{
    super::{
        action::{self, Action, Fact},
        web::{Answer, Request},
    },
    Reaction, Stage, secret_name,
};
use crate::{
    call::{FetchRequest, HeaderValue, HostError, HostReply},
    permission::{Origin, Permission},
};

/// Largest body of a request, in bytes.
const MAX_REQUEST: usize = 256 << 10;
const METHODS: [&str; 6] = ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD"];

impl Stage {
    pub(super) fn fetch(&mut self, request: &FetchRequest) -> Reaction {
        let request = match self.outgoing(request) {
            Ok(request) => request,
            Err(error) => return Reaction::Now(Err(error)),
        };
        if let Err(error) = self.count_fetch() {
            return Reaction::Now(Err(error));
        }
        let facts =
            [("method", Fact::Text(request.method.clone())), ("url", Fact::Text(request.url.clone()))];
        self.note(Action::new(&action::FETCH, facts));
        let Some(exchange) = self.http.pop_front() else {
            self.problems.push(format!(
                "{} {} was asked for, and http has no more exchanges",
                request.method, request.url
            ));
            return Reaction::Now(Err(HostError::Other(
                "the script has no answer to this request".to_owned(),
            )));
        };
        if let Some(difference) = exchange.difference(&request) {
            self.problems.push(format!("the request is another than http expects next; {difference}"));
            return Reaction::Now(Err(HostError::Other("the script expects another request".to_owned())));
        }
        match exchange.answer {
            Answer::Response(response) => Reaction::Now(Ok(HostReply::Response(response))),
            Answer::Fails(error) => Reaction::Now(Err(error)),
            Answer::Hangs => Reaction::Never,
        }
    }

    fn count_fetch(&mut self) -> Result<(), HostError> {
        let most = self.allowance.http_per_call;
        let call = self.call()?;
        if call.fetches >= most {
            return Err(HostError::QuotaExceeded(u32::MAX));
        }
        call.fetches += 1;
        Ok(())
    }

    /// The request as it would leave, if it may.
    fn outgoing(&self, request: &FetchRequest) -> Result<Request, HostError> {
        let refuse = |error: String| HostError::InvalidArgument(error);
        let url = Url::parse(&request.url).map_err(|error| refuse(error.to_string()))?;
        let origin: Origin = url.origin().parse().map_err(|error| refuse(format!("url: {error}")))?;
        self.need(&Permission::Http(origin))?;
        if !METHODS.contains(&request.method.as_str()) {
            return Err(refuse(format!(
                "method {:?}: expected one of {}",
                request.method,
                METHODS.join(", ")
            )));
        }
        if request.body.0.len() > MAX_REQUEST {
            return Err(refuse(format!(
                "the body has {} bytes, expected at most {MAX_REQUEST}",
                request.body.0.len()
            )));
        }
        let headers = request.headers.iter().map(|(name, value)| Ok((name.clone(), self.header(value)?)));
        Ok(Request {
            method: request.method.clone(),
            url: request.url.clone(),
            headers: headers.collect::<Result<_, HostError>>()?,
            body: request.body.0.clone(),
        })
    }

    fn header(&self, value: &HeaderValue) -> Result<String, HostError> {
        match value {
            HeaderValue::Text(text) => Ok(text.clone()),
            HeaderValue::Secret { prefix, name } => {
                self.need(&Permission::Secret(secret_name(name)?))?;
                let secret = self.secrets.get(name).ok_or(HostError::NotFound)?;
                Ok(format!("{prefix}{secret}"))
            }
        }
    }
}
