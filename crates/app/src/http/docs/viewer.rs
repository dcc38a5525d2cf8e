//! `GET /docs`: the documentation of the API in Swagger UI.

use std::sync::LazyLock;

use actix_web::HttpResponse;
use maud::html;

use super::assets::{SCRIPT, VIEWER, VIEWER_LICENSE, VIEWER_STYLE};
use super::page;
use super::security::WITH_VIEWER;

pub(super) async fn handle() -> HttpResponse {
    static PAGE: LazyLock<String> = LazyLock::new(page);
    page::respond(&PAGE, WITH_VIEWER)
}

fn page() -> String {
    let head = html! {
        link rel="stylesheet" href=(VIEWER_STYLE.address());
        script defer src=(VIEWER.address()) {}
        script defer src=(SCRIPT.address()) {}
    };
    let body = html! {
        header.docs {
            a href="./" { "ICP service" }
            p #sign-in { "To send requests, choose “Authorize” and paste a session token." }
        }
        main #viewer data-description="api/v1/openapi.json" {
            noscript { p.docs { "This page needs JavaScript. " a href="api/v1/openapi.json" { "The OpenAPI document" } " does not." } }
        }
        footer.docs {
            "Shown by Swagger UI " (env!("SWAGGER_UI_VERSION")) ", copyright 2020–2021 SmartBear Software Inc., under the "
            a href=(VIEWER_LICENSE.address()) { "Apache License 2.0" } "."
        }
    };
    page::document("ICP service: documentation", &head, &body)
}
