//! `GET /docs`: the API's description in Swagger UI, to read and to try out.

use actix_web::{HttpRequest, HttpResponse, web};
use maud::html;

use super::assets::{SCRIPT, VIEWER, VIEWER_LICENSE, VIEWER_STYLE};
use super::page::{self, Trial};
use super::security::WITH_VIEWER;
use crate::http::Api;
use crate::http::problem::ApiError;

pub(super) async fn handle(request: HttpRequest, api: web::Data<Api>) -> Result<HttpResponse, ApiError> {
    let trial = Trial::offer(&api, &request)?;
    let token = trial.as_ref().map(|trial| trial.token.as_str());
    let head = html! {
        link rel="stylesheet" href=(VIEWER_STYLE.address());
        script defer src=(VIEWER.address()) {}
        script defer src=(SCRIPT.address()) {}
    };
    let body = html! {
        header.docs {
            a href="./" { "ICP service" }
            p {
                @if let Some(Trial { user, .. }) = &trial {
                    "You are signed in as " code { (user) } " for 12 hours, by the development sign-in."
                } @else {
                    "To try requests out, choose “Authorize” and paste a session token."
                }
            }
        }
        main #viewer data-description="api/v1/openapi.json" data-token=[token] {
            noscript { p.docs { "This page needs JavaScript. " a href="api/v1/openapi.json" { "The OpenAPI document" } " does not." } }
        }
        footer.docs {
            "Shown by Swagger UI " (env!("SWAGGER_UI_VERSION")) ", copyright 2020–2021 SmartBear Software Inc., under the "
            a href=(VIEWER_LICENSE.address()) { "Apache License 2.0" } "."
        }
    };
    Ok(page::respond(page::document("ICP service: documentation", &head, &body), WITH_VIEWER))
}
