//! `GET /`: what this is, and where to go from here.

use actix_web::{HttpRequest, HttpResponse, web};
use maud::{Markup, html};

use super::page::{self, Trial};
use super::security::WITHOUT_SCRIPTS;
use crate::http::Api;
use crate::http::problem::ApiError;
use crate::sample_sign_in::SampleSignIn;

/// Relative, as all links of the pages.
const LINKS: [(&str, &str, &str); 4] = [
    ("docs", "Documentation", "every operation, to read and to try out"),
    ("api/v1/openapi.json", "OpenAPI document", "the same for programs, in OpenAPI 3.1"),
    ("health/live", "Liveness", "whether the process works"),
    ("health/ready", "Readiness", "whether it can do its job"),
];

pub(super) async fn handle(request: HttpRequest, api: web::Data<Api>) -> Result<HttpResponse, ApiError> {
    let trial = Trial::offer(&api, &request)?;
    let is_development = api.sample_sign_in.is_some();
    let body = html! {
        main.start {
            h1 { "ICP service" }
            p.lead {
                "Answers which Ideal Customer Profiles (ICPs) a signed-in user may see, and lets them create, change and \
                 delete theirs."
            }
            nav aria-label="This service" {
                ul.links {
                    @for (address, name, meaning) in LINKS {
                        li { a href=(address) { (name) } " " span { (meaning) } }
                    }
                }
            }
            section aria-labelledby="signing-in" {
                h2 #signing-in { "Signing in" }
                (signing_in(trial.as_ref(), is_development))
            }
            footer { "Version " (env!("CARGO_PKG_VERSION")) }
        }
    };
    Ok(page::respond(page::document("ICP service", &html! {}, &body), WITHOUT_SCRIPTS))
}

fn signing_in(trial: Option<&Trial>, is_development: bool) -> Markup {
    html! {
        @if let Some(Trial { token, user, url }) = trial {
            p {
                "The development sign-in is on, for this machine only. This line lists the sample ICPs, as " code { (user) } "; \
                its token counts for 12 hours:"
            }
            pre.command { code { (SampleSignIn::curl_line(token, url)) } }
            p { "For another user, " code { "icp token --user ID" } " makes a token." }
        } @else if is_development {
            p {
                "The development sign-in is on, for this machine only: " code { "icp token --user ID" } " makes a token. \
                 Open this page on the machine itself, and it holds one."
            }
        } @else {
            p { "Every request to the API carries a Clerk session token:" }
            pre.command { code { "Authorization: Bearer <token>" } }
        }
    }
}
