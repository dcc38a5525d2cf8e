//! The scripts, style sheets and images of the pages. They are compiled into the program. The URL of a file contains
//! the digest of the file, so a changed file has a new URL. Therefore, browsers can cache each file for a year.

use std::sync::LazyLock;

use actix_web::http::header::{HeaderName, HeaderValue};
use actix_web::{HttpRequest, HttpResponse, web};

use super::security;
use crate::http::error::ApiError;
use crate::http::etag::EntityTag as _;
use crate::http::static_file::StaticFile;

const JAVASCRIPT: &str = "text/javascript; charset=utf-8";
const CSS: &str = "text/css; charset=utf-8";

/// A file that the pages load.
pub(super) struct Asset {
    name: &'static str,
    file: LazyLock<StaticFile>,
}

impl Asset {
    const fn new(name: &'static str, file: fn() -> StaticFile) -> Self {
        Self { name, file: LazyLock::new(file) }
    }

    /// Returns the URL of the file, relative to the root of the service.
    pub(super) fn relative_url(&self) -> String {
        format!("assets/{}/{}", self.file.digest().tag(), self.name)
    }
}

pub(super) static ICON: Asset =
    Asset::new("icon.svg", || StaticFile::plain("image/svg+xml", include_str!("../../../assets/icon.svg")));
pub(super) static STYLE: Asset =
    Asset::new("pages.css", || StaticFile::plain(CSS, include_str!("../../../assets/pages.css")));
pub(super) static SCRIPT: Asset =
    Asset::new("docs.js", || StaticFile::plain(JAVASCRIPT, include_str!("../../../assets/docs.js")));

/// Returns a function that loads a file of Swagger UI. The build script has extracted the file in gzip format.
macro_rules! swagger_ui {
    ($media_type:expr, $file:literal) => {
        || StaticFile::of_gzip($media_type, include_bytes!(concat!(env!("OUT_DIR"), "/", $file, ".gz")))
    };
}

pub(super) static SWAGGER_UI_SCRIPT: Asset =
    Asset::new("swagger-ui-bundle.js", swagger_ui!(JAVASCRIPT, "swagger-ui-bundle.js"));
pub(super) static SWAGGER_UI_STYLE: Asset = Asset::new("swagger-ui.css", swagger_ui!(CSS, "swagger-ui.css"));
pub(super) static SWAGGER_UI_LICENSE: Asset =
    Asset::new("swagger-ui-license.txt", swagger_ui!("text/plain; charset=utf-8", "LICENSE"));

static ASSETS: [&Asset; 6] =
    [&ICON, &STYLE, &SCRIPT, &SWAGGER_UI_SCRIPT, &SWAGGER_UI_STYLE, &SWAGGER_UI_LICENSE];

/// Prepares the files at start-up. Otherwise, the first request would take some milliseconds longer.
pub(in crate::http) fn prepare() {
    for asset in ASSETS {
        LazyLock::force(&asset.file);
    }
}

/// Handles `GET /assets/{digest}/{name}`. Returns [`ApiError::NoSuchRoute`] if no file has this digest and name.
pub(super) async fn handle(
    request: HttpRequest,
    path: web::Path<(String, String)>,
) -> Result<HttpResponse, ApiError> {
    let (digest, name) = path.into_inner();
    let asset = ASSETS.into_iter().find(|asset| asset.name == name && asset.file.digest().tag() == digest);
    let file = &asset.ok_or(ApiError::NoSuchRoute)?.file;
    let mut response = file.respond(&request, "public, max-age=31536000, immutable");
    let (name, value) = security::SAME_ORIGIN_RESOURCE;
    response.headers_mut().insert(HeaderName::from_static(name), HeaderValue::from_static(value));
    Ok(response)
}
