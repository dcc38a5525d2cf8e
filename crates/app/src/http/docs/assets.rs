//! The files of the pages, compiled into the program.

use actix_web::{HttpRequest, HttpResponse, web};

use super::asset::Asset;
use crate::http::error::ApiError;
use crate::http::etag::EntityTag as _;

const JAVASCRIPT: &str = "text/javascript; charset=utf-8";
const CSS: &str = "text/css; charset=utf-8";

pub(super) static ICON: Asset =
    Asset::plain("icon.svg", "image/svg+xml", include_bytes!("../../../assets/icon.svg"));
pub(super) static STYLE: Asset = Asset::plain("pages.css", CSS, include_bytes!("../../../assets/pages.css"));
pub(super) static SCRIPT: Asset =
    Asset::plain("docs.js", JAVASCRIPT, include_bytes!("../../../assets/docs.js"));

/// Swagger UI, as the build script took it out of its archive.
macro_rules! viewer {
    ($file:literal) => {
        include_bytes!(concat!(env!("OUT_DIR"), "/", $file, ".gz"))
    };
}

pub(super) static VIEWER: Asset =
    Asset::gzip("swagger-ui-bundle.js", JAVASCRIPT, viewer!("swagger-ui-bundle.js"));
pub(super) static VIEWER_STYLE: Asset = Asset::gzip("swagger-ui.css", CSS, viewer!("swagger-ui.css"));
pub(super) static VIEWER_LICENSE: Asset =
    Asset::gzip("swagger-ui-license.txt", "text/plain; charset=utf-8", viewer!("LICENSE"));

pub(super) static ALL: [&Asset; 6] = [&ICON, &STYLE, &SCRIPT, &VIEWER, &VIEWER_STYLE, &VIEWER_LICENSE];

/// `GET /assets/{digest}/{name}`
pub(super) async fn handle(
    request: HttpRequest,
    path: web::Path<(String, String)>,
) -> Result<HttpResponse, ApiError> {
    let (digest, name) = path.into_inner();
    let asset = ALL.into_iter().find(|asset| asset.name == name && asset.digest().tag() == digest);
    asset.ok_or(ApiError::NoSuchRoute)?.respond(&request)
}
