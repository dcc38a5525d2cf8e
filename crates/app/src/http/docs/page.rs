//! The HTML document around the content of every page, and its response.

use actix_web::HttpResponse;
use actix_web::http::header::CACHE_CONTROL;
use maud::{DOCTYPE, Markup, html};

use super::assets::{ICON, STYLE};
use super::security;

/// Returns an HTML document with this content.
pub(super) fn document(title: &str, head: &Markup, body: &Markup) -> String {
    let document = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (title) }
                link rel="icon" type="image/svg+xml" href=(ICON.relative_url());
                (head)
                link rel="stylesheet" href=(STYLE.relative_url());
            }
            body { (body) }
        }
    };
    document.into_string()
}

/// Returns the response with a page and its security headers.
pub(super) fn respond(page: &'static str, content_policy: &'static str) -> HttpResponse {
    let mut response = HttpResponse::Ok();
    security::insert_headers(&mut response, content_policy);
    response.insert_header((CACHE_CONTROL, "no-store")).content_type("text/html; charset=utf-8").body(page)
}
