//! What the pages have in common.

use actix_web::http::header::CACHE_CONTROL;
use actix_web::{HttpRequest, HttpResponse};
use maud::{DOCTYPE, Markup, html};

use super::assets::{ICON, STYLE};
use super::{security, visitor};
use crate::http::Api;
use crate::http::problem::ApiError;

/// A token of the development sign-in, and where it counts.
pub(super) struct Trial {
    pub(super) token: String,
    pub(super) user: String,
    /// Where the visitor finds the service.
    pub(super) url: String,
}

impl Trial {
    /// A new one, for a visitor who may have it.
    pub(super) fn offer(api: &Api, request: &HttpRequest) -> Result<Option<Self>, ApiError> {
        let (Some(sign_in), Some(host)) = (&api.sample_sign_in, visitor::trusted_host(request)) else {
            return Ok(None);
        };
        let token = sign_in.token().map_err(|error| ApiError::Internal(error.into()))?;
        let scheme = if request.app_config().secure() { "https" } else { "http" };
        Ok(Some(Self { token, user: sign_in.user().to_owned(), url: format!("{scheme}://{host}") }))
    }
}

/// The document around what a page has of its own.
pub(super) fn document(title: &str, head: &Markup, body: &Markup) -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (title) }
                link rel="icon" type="image/svg+xml" href=(ICON.address());
                (head)
                link rel="stylesheet" href=(STYLE.address());
            }
            body { (body) }
        }
    }
}

/// The answer. It may hold a token and depends on who asks, and so nobody keeps it.
pub(super) fn respond(page: Markup, content_policy: &'static str) -> HttpResponse {
    let mut response = HttpResponse::Ok();
    security::guard(&mut response, content_policy);
    response
        .insert_header((CACHE_CONTROL, "no-store"))
        .content_type("text/html; charset=utf-8")
        .body(page.into_string())
}
