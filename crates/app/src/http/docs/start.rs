//! `GET /`: the start page, with links to the other pages.

use std::sync::LazyLock;

use actix_web::HttpResponse;
use actix_web::web::Data;
use maud::html;

use super::page;
use super::security::NO_SCRIPT_POLICY;
use crate::http::state::State;

/// The relative URL, the name and the description of each link.
const LINKS: [(&str, &str, &str); 4] = [
    ("docs", "Documentation", "lists every operation and sends requests"),
    ("api/v1/openapi.json", "OpenAPI document", "describes the API for programs (OpenAPI 3.1)"),
    ("health/live", "Liveness", "shows whether the process works"),
    ("health/ready", "Readiness", "shows whether the service can serve requests"),
];

pub(super) async fn handle(state: Data<State>) -> HttpResponse {
    static PAGES: LazyLock<[String; 2]> = LazyLock::new(|| [page(false), page(true)]);
    let [with_clerk, in_development] = &*PAGES;
    page::respond(if state.is_development { in_development } else { with_clerk }, NO_SCRIPT_POLICY)
}

fn page(is_development: bool) -> String {
    let body = html! {
        main.start {
            h1 { "ICP service" }
            p.lead {
                "Returns the Ideal Customer Profiles (ICPs) that a signed-in user may access. Users can create, change and \
                 delete ICPs."
            }
            nav aria-label="This service" {
                ul.links {
                    @for (url, name, description) in LINKS {
                        li { a href=(url) { (name) } " " span { (description) } }
                    }
                }
            }
            section aria-labelledby="signing-in" {
                h2 #signing-in { "Signing in" }
                @if is_development {
                    p {
                        "The development sign-in is active, on this machine only. When the service started, it printed "
                        "the address of the documentation with a token, and a " code { "curl" } " line. "
                        code { "icp token --user ID" } " prints a token for any user. In the documentation, choose "
                        "“Authorize” and paste the token."
                    }
                } @else {
                    p { "Send a Clerk session token with every request to the API:" }
                    pre.command { code { "Authorization: Bearer <token>" } }
                }
            }
            footer { "Version " (env!("CARGO_PKG_VERSION")) }
        }
    };
    page::document("ICP service", &html! {}, &body)
}
