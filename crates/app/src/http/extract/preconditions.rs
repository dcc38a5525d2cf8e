use std::convert::Infallible;
use std::future::{Ready, ready};

use actix_web::dev::Payload;
use actix_web::http::header::{IF_MATCH, IF_NONE_MATCH};
use actix_web::{FromRequest, HttpRequest};
use icp_application::Preconditions;

use crate::http::etag::{self, EntityTag};

/// The conditional headers of a request. A tag that is not one of this service matches no version.
pub(in crate::http) struct Conditions<V>(pub(in crate::http) Preconditions<V>);

impl<V: EntityTag + 'static> FromRequest for Conditions<V> {
    type Error = Infallible;
    type Future = Ready<Result<Self, Infallible>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let headers = request.headers();
        ready(Ok(Self(Preconditions {
            if_match: etag::strong_tags(headers, &IF_MATCH),
            if_none_match: etag::weak_tags(headers, &IF_NONE_MATCH),
        })))
    }
}
