//! `http`: a plugin's requests to web servers, which the transport makes.

use std::time::Duration;

use bytes::Bytes;
use starling_contracts::transport::{Error, FetchWeb, Reach, WebMethod, WebPage};
use starling_protocol::web::Url;

use super::{Live, Used, secret_name};
use crate::{
    call::{FetchRequest, FetchResponse, HeaderValue, HostError, HostReply},
    permission::{Origin, Permission},
};

/// The longest body of a request, in bytes.
const LONGEST_BODY: usize = 256 << 10;
/// The most headers of a request.
const MOST_HEADERS: usize = 64;

impl Live {
    pub(super) async fn fetch(
        &mut self,
        request: FetchRequest,
        used: &mut Used,
    ) -> Result<HostReply, HostError> {
        let url = Url::parse(&request.url).map_err(|error| invalid(error.to_string()))?;
        let origin: Origin = url.origin().parse().map_err(|error| invalid(format!("url: {error}")))?;
        used.target = url.origin();
        self.allowed(&Permission::Http(origin), used)?;
        let method = WebMethod::named(&request.method)
            .ok_or_else(|| invalid("method is none of GET, HEAD, POST, PUT, PATCH and DELETE".to_owned()))?;
        if request.body.0.len() > LONGEST_BODY {
            return Err(invalid(format!("body is longer than {LONGEST_BODY} bytes")));
        }
        let headers = self.headers(request.headers)?;
        if self.fetches >= self.desk.allowance.http_per_call {
            return Err(HostError::QuotaExceeded(u32::MAX));
        }
        self.desk.quotas.take_fetch().map_err(HostError::QuotaExceeded)?;
        self.fetches += 1;
        let desk = &self.desk;
        let question = FetchWeb {
            tls: url.tls,
            host: url.host.into(),
            port: url.port,
            method,
            target: url.target,
            headers,
            body: Bytes::from(request.body.0),
            reach: if desk.private_addresses { Reach::Anywhere } else { Reach::Public },
            max_answer: usize::try_from(desk.allowance.http_body).unwrap_or(usize::MAX),
            // The call's own deadline ends before.
            deadline: desk.allowance.call_time + Duration::from_secs(1),
        };
        let page = desk.web.ask(question).await.map_err(refused)?;
        Ok(HostReply::Response(response(page)))
    }

    fn headers(&self, headers: Vec<(String, HeaderValue)>) -> Result<Vec<(String, String)>, HostError> {
        if headers.len() > MOST_HEADERS {
            return Err(invalid(format!(
                "there are {} headers, expected at most {MOST_HEADERS}",
                headers.len()
            )));
        }
        headers.into_iter().map(|(name, value)| Ok((name, self.header(value)?))).collect()
    }

    fn header(&self, value: HeaderValue) -> Result<String, HostError> {
        let (prefix, name) = match value {
            HeaderValue::Text(text) => return Ok(text),
            HeaderValue::Secret { prefix, name } => (prefix, secret_name(name)?),
        };
        if !self.desk.grants.covers(&Permission::Secret(name.clone())) {
            return Err(HostError::AccessDenied);
        }
        let secret = self.desk.secrets.get(&name).ok_or(HostError::NotFound)?;
        Ok(format!("{prefix}{}", secret.expose()))
    }
}

fn invalid(what: String) -> HostError {
    HostError::InvalidArgument(what)
}

fn refused(error: Error) -> HostError {
    match error {
        Error::BadAddress | Error::BadHeader { .. } => HostError::InvalidArgument(error.to_string()),
        Error::ForbiddenAddress => HostError::AccessDenied,
        error => HostError::Other(error.to_string()),
    }
}

fn response(page: WebPage) -> FetchResponse {
    FetchResponse { status: page.status, headers: page.headers, body: page.body.to_vec().into() }
}
