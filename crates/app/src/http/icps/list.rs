//! `GET /api/v1/entities/icps`

use std::convert::Infallible;

use actix_web::http::Method;
use actix_web::http::header::{IF_NONE_MATCH, LINK};
use actix_web::web::{self, Bytes};
use actix_web::{HttpRequest, HttpResponse, HttpResponseBuilder};
use futures_util::stream;
use icp_ports::ListVersion;

use super::list_body::{self, Pieces};
use super::list_parameters::ListParameters;
use super::{insert_headers, respond_unchanged};
use crate::http::current_user::CurrentUser;
use crate::http::problem::ApiError;
use crate::http::{Api, etag};
use crate::icps::Listed;

/// The ICPs that name the caller, as they are stored, or that the client has them already.
pub(super) async fn handle(
    request: HttpRequest,
    api: web::Data<Api>,
    CurrentUser(caller): CurrentUser,
) -> Result<HttpResponse, ApiError> {
    let parameters = ListParameters::of(request.query_string())?;
    let known = etag::known_to_client(request.headers(), &IF_NONE_MATCH);
    match api.icps.list(&caller, &parameters.request, known.as_ref()).await? {
        Listed::Icps { icps, version, cursor } => {
            let mut response = respond(&api, version);
            if let Some(cursor) = cursor {
                // RFC 8288. A reference without a host is one to where the request went.
                let link = format!("<{}?{}>; rel=\"next\"", super::PATH, parameters.with_cursor(&cursor));
                response.insert_header((LINK, link));
            }
            Ok(response.body(Pieces::from(icps)))
        }
        Listed::Parts { version, .. } if request.method() == Method::HEAD => {
            // Its length is not known, and actix would read all of it.
            Ok(respond(&api, version).streaming(stream::empty::<Result<Bytes, Infallible>>()))
        }
        Listed::Parts { first, version, rest } => {
            Ok(respond(&api, version).body(list_body::in_parts(first, rest)))
        }
        Listed::Unchanged(version) => Ok(respond_unchanged(&request, &api, &version)),
    }
}

fn respond(api: &Api, version: ListVersion) -> HttpResponseBuilder {
    let mut response = HttpResponse::Ok();
    insert_headers(&mut response, api);
    response.insert_header(etag::header(&version)).content_type("application/json");
    response
}
