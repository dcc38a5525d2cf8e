//! `GET /docs`: the documentation of the API in Swagger UI.

use std::sync::LazyLock;

use actix_web::HttpResponse;
use maud::html;

use super::assets::{SCRIPT, SWAGGER_UI_LICENSE, SWAGGER_UI_SCRIPT, SWAGGER_UI_STYLE};
use super::page;
use super::security::SWAGGER_UI_POLICY;

pub(super) async fn handle() -> HttpResponse {
    static PAGE: LazyLock<String> = LazyLock::new(page);
    page::respond(&PAGE, SWAGGER_UI_POLICY)
}

fn page() -> String {
    let head = html! {
        link rel="stylesheet" href=(SWAGGER_UI_STYLE.relative_url());
        script defer src=(SWAGGER_UI_SCRIPT.relative_url()) {}
        script defer src=(SCRIPT.relative_url()) {}
    };
    let body = html! {
        header.docs {
            a href="./" { "ICP service" }
            p #sign-in { "To send requests, choose “Authorize” and paste a session token." }
        }
        main #swagger-ui data-openapi-url="api/v1/openapi.json" {
            noscript { p.docs { "This page needs JavaScript. " a href="api/v1/openapi.json" { "The OpenAPI document" } " does not." } }
        }
        footer.docs {
            "Rendered by Swagger UI " (env!("SWAGGER_UI_VERSION")) ", copyright 2020–2021 SmartBear Software Inc., under the "
            a href=(SWAGGER_UI_LICENSE.relative_url()) { "Apache License 2.0" } "."
        }
    };
    page::document("ICP service: documentation", &head, &body)
}
