use std::future::{Ready, ready};

use actix_web::dev::Payload;
use actix_web::http::Method;
use actix_web::{FromRequest, HttpRequest};
use icp_domain::{IcpId, UserId, ViolationCode};
use percent_encoding::percent_decode_str;

use crate::http::error::{ApiError, ParameterViolation};

/// The ICP ID in the path of a request.
pub(in crate::http) struct IdInPath(pub(in crate::http) IcpId);

impl FromRequest for IdInPath {
    type Error = ApiError;
    type Future = Ready<Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(parse_id(request.match_info().get("id").unwrap_or_default()).map(Self))
    }
}

pub(in crate::http) fn parse_id(id: &str) -> Result<IcpId, ApiError> {
    let detail = "must be a UUID such as 550e8400-e29b-41d4-a716-446655440000";
    id.parse().map_err(|_| ParameterViolation::new("id", ViolationCode::InvalidValue, detail).into())
}

/// The user ID in the path of a request.
pub(in crate::http) struct UserInPath(pub(in crate::http) UserId);

impl FromRequest for UserInPath {
    type Error = ApiError;
    type Future = Ready<Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        // Uses the raw last segment, because actix replaces invalid UTF-8, and decodes only some characters.
        let segment = request.uri().path().trim_end_matches('/').rsplit('/').next().unwrap_or_default();
        let user_id = percent_decode_str(segment).decode_utf8().ok().and_then(|text| text.parse().ok());
        let detail = "must be a user ID such as user_2abc";
        let violation = || ParameterViolation::new("userId", ViolationCode::InvalidValue, detail).into();
        let user_id: Result<UserId, ApiError> = user_id.ok_or_else(violation);
        ready(user_id.and_then(|user_id| {
            if request.method() == Method::PUT {
                check_new_user_id(&user_id)?;
            }
            Ok(Self(user_id))
        }))
    }
}

/// Checks the ID of a user who is added. An invalid ID that is stored can still be removed.
pub(in crate::http) fn check_new_user_id(user_id: &UserId) -> Result<(), ApiError> {
    user_id
        .violation()
        .map_or(Ok(()), |(code, detail)| Err(ParameterViolation::new("userId", code, detail).into()))
}
