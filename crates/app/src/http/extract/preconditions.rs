use std::future::{Ready, ready};

use actix_web::dev::Payload;
use actix_web::http::header::{HeaderName, IF_MATCH, IF_NONE_MATCH};
use actix_web::{FromRequest, HttpRequest};
use icp_application::{Preconditions, VersionMatch};
use icp_domain::ViolationCode;

use crate::http::error::{ApiError, ParameterViolation};
use crate::http::etag::{self, EntityTag};

/// Maximum number of tags of this service in a header. The service or the database compares each of them.
const MAX_TAGS: usize = 1_000;

/// The conditional headers of a request. A tag that this service did not create matches no version.
pub(in crate::http) struct Conditions<V>(pub(in crate::http) Preconditions<V>);

impl<V: EntityTag + 'static> FromRequest for Conditions<V> {
    type Error = ApiError;
    type Future = Ready<Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let headers = request.headers();
        let conditions = || {
            let if_match = check_tag_count(&IF_MATCH, etag::strong_tags(headers, &IF_MATCH))?;
            let if_none_match = check_tag_count(&IF_NONE_MATCH, etag::weak_tags(headers, &IF_NONE_MATCH))?;
            Ok(Self(Preconditions { if_match, if_none_match }))
        };
        ready(conditions())
    }
}

fn check_tag_count<V>(
    name: &HeaderName,
    tags: Option<VersionMatch<V>>,
) -> Result<Option<VersionMatch<V>>, ApiError> {
    match &tags {
        Some(VersionMatch::OneOf(versions)) if versions.len() > MAX_TAGS => {
            let detail = format!("must have at most {MAX_TAGS} tags");
            Err(ParameterViolation::new(name.to_string(), ViolationCode::TooLong, detail).into())
        }
        _ => Ok(tags),
    }
}
