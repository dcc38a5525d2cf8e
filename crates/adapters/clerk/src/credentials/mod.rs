//! Where a request carries its token (docs/contract/clerk-tokens.md, section 1).

mod authorization;
mod cookie;
mod jar;

use icp_ports::Credentials;

use crate::reason::Reason;
use crate::settings::SessionCookie;
use authorization::Authorization;

/// A token as a request carries it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Found<'a> {
    pub(crate) token: &'a [u8],
    /// When the browser's user last signed in or out, in seconds: a token from before that is another
    /// session's.
    pub(crate) client_uat: Option<i64>,
}

/// The one token that decides. Query, body and other headers never carry any.
pub(crate) fn find<'a>(
    credentials: &'a dyn Credentials,
    rule: &SessionCookie,
    authorized_parties: &[String],
) -> Result<Found<'a>, Reason> {
    match authorization::read(&credentials.header("authorization"))? {
        // It decides alone: whoever sends a bad one is not signed in by a cookie that came along.
        Authorization::Bearer(token) => Ok(Found { token, client_uat: None }),
        Authorization::NotBearer => cookie::find(credentials, rule, authorized_parties),
    }
}
