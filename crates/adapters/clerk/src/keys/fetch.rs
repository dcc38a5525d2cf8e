use std::future::Future;

use reqwest::redirect::{Action, Attempt, Policy};
use reqwest::{Client, Response, StatusCode};

use super::url::KeySetUrl;

const BODY_LIMIT: usize = 1024 * 1024;
const REDIRECT_LIMIT: usize = 5;
const USER_AGENT: &str = concat!(env!("CARGO_PKG_NAME"), "/", env!("CARGO_PKG_VERSION"));
/// An idle connection would be closed by the other side long before the next fetch.
const IDLE_CONNECTIONS: usize = 0;

/// Gets the document of a key set.
pub(super) trait Fetch: Send + 'static {
    /// Once, without a limit in time: whoever calls sets it.
    fn fetch(&mut self) -> impl Future<Output = Result<Vec<u8>, FetchError>> + Send;
}

/// What became of a fetch that failed.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum FetchError {
    #[error("no answer in time")]
    Timeout,
    #[error("no connection")]
    Connection,
    #[error("the connection broke")]
    Interrupted,
    #[error("status {0}")]
    Status(u16),
    #[error("more than 1 MB")]
    TooLarge,
    #[error("no usable key in the answer")]
    NoUsableKey,
}

impl FetchError {
    fn of(error: &reqwest::Error) -> Self {
        if error.is_timeout() {
            Self::Timeout
        } else if error.is_connect() {
            Self::Connection
        } else {
            Self::Interrupted
        }
    }
}

/// Fetches over HTTP.
pub(super) struct HttpFetch {
    client: Client,
    url: KeySetUrl,
}

impl HttpFetch {
    pub(super) fn new(url: KeySetUrl) -> Result<Self, reqwest::Error> {
        let builder = Client::builder()
            .user_agent(USER_AGENT)
            .redirect(Policy::custom(same_origin))
            .pool_max_idle_per_host(IDLE_CONNECTIONS);
        // On the machine itself there is no proxy to pass, and no need of the system's certificates.
        let builder = if url.is_plain_http() { builder.no_proxy().tls_certs_only([]) } else { builder };
        Ok(Self { client: builder.build()?, url })
    }
}

impl Fetch for HttpFetch {
    async fn fetch(&mut self) -> Result<Vec<u8>, FetchError> {
        let request = self.client.get(self.url.as_url().clone());
        let response = request.send().await.map_err(|error| FetchError::of(&error))?;
        match response.status() {
            StatusCode::OK => body(response).await,
            other => Err(FetchError::Status(other.as_u16())),
        }
    }
}

/// A redirect to somebody else would let them choose the keys. One that is not followed is an answer whose
/// status is not 200.
fn same_origin(attempt: Attempt<'_>) -> Action {
    let first = attempt.previous().first().map(url::Url::origin);
    let stays = first == Some(attempt.url().origin()) && attempt.previous().len() <= REDIRECT_LIMIT;
    if stays { attempt.follow() } else { attempt.stop() }
}

/// The limit is kept while reading: the announced length may be missing, or wrong.
async fn body(mut response: Response) -> Result<Vec<u8>, FetchError> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|error| FetchError::of(&error))? {
        if body.len() + chunk.len() > BODY_LIMIT {
            return Err(FetchError::TooLarge);
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}
