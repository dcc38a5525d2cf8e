//! How a file of the pages is served. Its address contains its digest, so that browsers may cache it for ever.

use std::io::Read as _;
use std::sync::OnceLock;

use actix_web::http::StatusCode;
use actix_web::http::header::{CACHE_CONTROL, CONTENT_ENCODING, IF_NONE_MATCH, VARY};
use actix_web::{HttpRequest, HttpResponse, HttpResponseBuilder};
use aws_lc_rs::digest::{SHA256, digest};
use flate2::read::GzDecoder;

use super::security;
use crate::http::error::ApiError;
use crate::http::etag::{self, EntityTag};
use crate::http::middleware::compression;

/// A file, and how it is served.
pub(super) struct Asset {
    pub(super) name: &'static str,
    media_type: &'static str,
    content: Content,
    digest: OnceLock<Digest>,
}

#[derive(Clone, Copy)]
enum Content {
    Plain(&'static [u8]),
    /// Compressed at build time.
    Gzip(&'static [u8]),
}

impl Asset {
    pub(super) const fn plain(name: &'static str, media_type: &'static str, content: &'static [u8]) -> Self {
        Self { name, media_type, content: Content::Plain(content), digest: OnceLock::new() }
    }

    pub(super) const fn gzip(name: &'static str, media_type: &'static str, content: &'static [u8]) -> Self {
        Self { name, media_type, content: Content::Gzip(content), digest: OnceLock::new() }
    }

    /// Returns the address, relative to the root.
    pub(super) fn address(&self) -> String {
        format!("assets/{}/{}", self.digest().tag(), self.name)
    }

    pub(super) fn digest(&self) -> Digest {
        let (Content::Plain(bytes) | Content::Gzip(bytes)) = self.content;
        *self.digest.get_or_init(|| Digest::of(bytes))
    }

    pub(super) fn respond(&self, request: &HttpRequest) -> Result<HttpResponse, ApiError> {
        let known = etag::weak_tags(request.headers(), &IF_NONE_MATCH);
        if known.is_some_and(|known| known.contains(&self.digest())) {
            let mut response = self.head(StatusCode::NOT_MODIFIED).finish();
            etag::mark_coding(response.headers_mut(), self.coding(request));
            return Ok(response);
        }
        let mut response = self.head(StatusCode::OK);
        response.content_type(self.media_type);
        Ok(match self.content {
            Content::Gzip(content) if compression::accepts_gzip(request) => {
                response.insert_header((CONTENT_ENCODING, "gzip")).body(content)
            }
            // actix compresses these, in whichever coding the client takes.
            Content::Gzip(content) => response.body(inflate(content)?),
            Content::Plain(content) => response.body(content),
        })
    }

    fn head(&self, status: StatusCode) -> HttpResponseBuilder {
        let mut response = HttpResponse::build(status);
        response
            .insert_header(etag::header(&self.digest()))
            .insert_header((CACHE_CONTROL, "public, max-age=31536000, immutable"))
            .insert_header((VARY, "Accept-Encoding"))
            .insert_header(security::SAME_ORIGIN_RESOURCE);
        response
    }

    /// Returns the coding of a response with a body.
    fn coding(&self, request: &HttpRequest) -> Option<&'static str> {
        match self.content {
            Content::Gzip(_) if compression::accepts_gzip(request) => Some("gzip"),
            _ => compression::of_response(request),
        }
    }
}

fn inflate(content: &[u8]) -> Result<Vec<u8>, ApiError> {
    let mut plain = Vec::new();
    let read = GzDecoder::new(content).read_to_end(&mut plain);
    read.map_err(|error| ApiError::Internal(error.into()))?;
    Ok(plain)
}

/// A digest of a file, by which its versions differ.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(in crate::http) struct Digest(u64);

impl Digest {
    pub(in crate::http) fn of(content: &[u8]) -> Self {
        let digest = digest(&SHA256, content);
        Self(digest.as_ref().first_chunk().copied().map_or(0, u64::from_be_bytes))
    }
}

impl EntityTag for Digest {
    fn tag(&self) -> String {
        format!("{:016x}", self.0)
    }

    fn of_tag(tag: &str) -> Option<Self> {
        let digest = Self(u64::from_str_radix(tag, 16).ok()?);
        (digest.tag() == tag).then_some(digest)
    }
}
