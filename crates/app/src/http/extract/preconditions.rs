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
        let if_match = etag::strong_tags(headers, &IF_MATCH);
        let if_none_match = etag::weak_tags(headers, &IF_NONE_MATCH);
        let violations: Vec<_> = [(IF_MATCH, &if_match), (IF_NONE_MATCH, &if_none_match)]
            .into_iter()
            .filter_map(|(name, tags)| too_many_tags(&name, tags.as_ref()))
            .collect();
        ready(if violations.is_empty() {
            Ok(Self(Preconditions { if_match, if_none_match }))
        } else {
            Err(ApiError::InvalidParameters(violations))
        })
    }
}

/// Returns the violation of a header with more than [`MAX_TAGS`] tags.
fn too_many_tags<V>(name: &HeaderName, tags: Option<&VersionMatch<V>>) -> Option<ParameterViolation> {
    let Some(VersionMatch::OneOf(versions)) = tags else { return None };
    let detail = format!("must have at most {MAX_TAGS} tags");
    let violation = ParameterViolation::new(name.to_string(), ViolationCode::TooLong, detail);
    (versions.len() > MAX_TAGS).then_some(violation)
}
