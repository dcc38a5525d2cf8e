//! `GET /assets/{digest}/{name}`: a file that pages name.
//!
//! The digest of a file stands in its address, and so a browser may keep it for good.

use std::io::Read as _;
use std::sync::OnceLock;

use actix_web::http::header::{CACHE_CONTROL, CONTENT_ENCODING, IF_NONE_MATCH, VARY};
use actix_web::{HttpRequest, HttpResponse, web};
use aws_lc_rs::digest::{SHA256, digest};
use flate2::read::GzDecoder;

use super::assets::ALL;
use super::security;
use crate::http::compression;
use crate::http::etag::{self, Tagged};
use crate::http::problem::ApiError;

pub(super) async fn handle(
    request: HttpRequest,
    path: web::Path<(String, String)>,
) -> Result<HttpResponse, ApiError> {
    let (digest, name) = path.into_inner();
    let asset = ALL.into_iter().find(|asset| asset.name == name && asset.digest().tag() == digest);
    asset.ok_or(ApiError::NoSuchRoute)?.respond(&request)
}

/// A file, and how it is served.
pub(super) struct Asset {
    name: &'static str,
    media_type: &'static str,
    content: Content,
    digest: OnceLock<Digest>,
}

#[derive(Clone, Copy)]
enum Content {
    Plain(&'static [u8]),
    /// It has been compressed before, better and cheaper than for each answer.
    Gzip(&'static [u8]),
}

impl Asset {
    pub(super) const fn plain(name: &'static str, media_type: &'static str, content: &'static [u8]) -> Self {
        Self { name, media_type, content: Content::Plain(content), digest: OnceLock::new() }
    }

    pub(super) const fn gzip(name: &'static str, media_type: &'static str, content: &'static [u8]) -> Self {
        Self { name, media_type, content: Content::Gzip(content), digest: OnceLock::new() }
    }

    /// From a page at the root.
    pub(super) fn address(&self) -> String {
        format!("assets/{}/{}", self.digest().tag(), self.name)
    }

    fn digest(&self) -> Digest {
        let (Content::Plain(bytes) | Content::Gzip(bytes)) = self.content;
        *self.digest.get_or_init(|| Digest::of(bytes))
    }

    fn respond(&self, request: &HttpRequest) -> Result<HttpResponse, ApiError> {
        let known = etag::known_to_client(request.headers(), &IF_NONE_MATCH);
        let is_known = known.is_some_and(|known| known.contains(&self.digest()));
        let mut response = if is_known { HttpResponse::NotModified() } else { HttpResponse::Ok() };
        response
            .insert_header(etag::header(&self.digest()))
            .insert_header((CACHE_CONTROL, "public, max-age=31536000, immutable"))
            .insert_header((VARY, "Accept-Encoding"))
            .insert_header(security::SAME_ORIGIN_RESOURCE);
        let (coding, body) = match self.content {
            Content::Gzip(content) if compression::takes_gzip(request) => {
                (Some("gzip"), web::Bytes::from_static(content))
            }
            // actix compresses these, in whichever coding the client takes.
            Content::Gzip(content) => (None, inflate(content)?),
            Content::Plain(content) => (None, web::Bytes::from_static(content)),
        };
        if is_known {
            let mut response = response.finish();
            let coding = coding.or_else(|| compression::of_answer(request));
            etag::mark_coding(response.headers_mut(), coding);
            return Ok(response);
        }
        if let Some(coding) = coding {
            response.insert_header((CONTENT_ENCODING, coding));
        }
        Ok(response.content_type(self.media_type).body(body))
    }
}

fn inflate(content: &[u8]) -> Result<web::Bytes, ApiError> {
    let mut plain = Vec::new();
    let read = GzDecoder::new(content).read_to_end(&mut plain);
    read.map_err(|error| ApiError::Internal(error.into()))?;
    Ok(plain.into())
}

/// What tells versions of a file apart.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Digest(u64);

impl Digest {
    fn of(content: &[u8]) -> Self {
        let digest = digest(&SHA256, content);
        Self(digest.as_ref().first_chunk().copied().map_or(0, u64::from_be_bytes))
    }
}

impl Tagged for Digest {
    fn tag(&self) -> String {
        format!("{:016x}", self.0)
    }

    fn of_tag(tag: &str) -> Option<Self> {
        let digest = Self(u64::from_str_radix(tag, 16).ok()?);
        (digest.tag() == tag).then_some(digest)
    }
}
