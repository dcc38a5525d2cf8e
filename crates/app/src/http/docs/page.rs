//! The frame of every page.

use actix_web::HttpResponse;
use actix_web::http::header::CACHE_CONTROL;
use maud::{DOCTYPE, Markup, html};

use super::assets::{ICON, STYLE};
use super::security;

/// Returns the document around the content of a page.
pub(super) fn document(title: &str, head: &Markup, body: &Markup) -> String {
    let document = html! {
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
    };
    document.into_string()
}

/// Returns the response.
pub(super) fn respond(page: &'static str, content_policy: &'static str) -> HttpResponse {
    let mut response = HttpResponse::Ok();
    security::guard(&mut response, content_policy);
    response.insert_header((CACHE_CONTROL, "no-store")).content_type("text/html; charset=utf-8").body(page)
}
