use actix_web::Error;
use actix_web::body::{EitherBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::{CACHE_CONTROL, CONTENT_ENCODING, CONTENT_TYPE, HeaderValue};

use super::RequestId;
use super::layer::Middleware;
use crate::http::error::{self, ApiError};

/// Middleware: converts the errors of handlers, extractors and actix to problem documents.
#[derive(Clone, Copy)]
pub(in crate::http) struct ProblemResponses;

impl<B: MessageBody + 'static> Middleware<B> for ProblemResponses {
    type RequestData = ();
    type Body = EitherBody<B, String>;

    fn before(_: &mut ServiceRequest) {}

    fn after((): (), mut response: ServiceResponse<B>) -> Result<ServiceResponse<Self::Body>, Error> {
        let Some(error) = response.response().error() else { return Ok(response.map_into_left_body()) };
        let id = RequestId::of(response.request());
        let converted;
        let error = if let Some(error) = error.as_error::<ApiError>() {
            error
        } else {
            converted = ApiError::from_status(error.as_response_error().status_code(), error);
            &converted
        };
        error::log_cause(error, &id);
        let (status, document) = (error.kind().status, error.document(&id));
        *response.response_mut().status_mut() = status.try_into().unwrap_or_default();
        let headers = response.headers_mut();
        headers.remove(CONTENT_ENCODING);
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        Ok(response.map_body(|_, _| EitherBody::right(document)))
    }
}
