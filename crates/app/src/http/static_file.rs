//! Files that are served without authentication. Each file is prepared once, and a request only copies it.

use std::io::{self, Read as _, Write as _};

use actix_web::http::header::{CACHE_CONTROL, CONTENT_ENCODING, IF_MATCH, IF_NONE_MATCH, VARY};
use actix_web::web::Bytes;
use actix_web::{HttpRequest, HttpResponse};
use aws_lc_rs::digest::{SHA256, digest};
use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;

use super::body::PiecewiseBody;
use super::error::ApiError;
use super::etag::{self, EntityTag};
use super::middleware::compression;

/// A file in the codings in which it is sent.
pub(super) struct StaticFile {
    media_type: &'static str,
    plain: Bytes,
    /// The compressed file. `None` if the file is always sent uncompressed.
    gzip: Option<Bytes>,
    digest: Digest,
}

impl StaticFile {
    /// Creates a file that is never sent compressed.
    pub(super) fn plain(media_type: &'static str, content: impl Into<Bytes>) -> Self {
        let plain = content.into();
        Self { media_type, digest: Digest::of(&plain), plain, gzip: None }
    }

    /// Creates a file from a gzip file that was compressed at build time.
    pub(super) fn of_gzip(media_type: &'static str, gzip: &'static [u8]) -> Self {
        let mut plain = Vec::new();
        // The build script wrote the file in this format, so decompression does not fail.
        let _ = GzDecoder::new(gzip).read_to_end(&mut plain);
        Self { gzip: Some(Bytes::from_static(gzip)), ..Self::plain(media_type, plain) }
    }

    /// Creates a file, and compresses it with gzip.
    pub(super) fn compressed(media_type: &'static str, content: String) -> Self {
        let compress = || {
            let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
            encoder.write_all(content.as_bytes())?;
            encoder.finish()
        };
        let gzip: io::Result<Vec<u8>> = compress();
        Self { gzip: gzip.ok().map(Bytes::from), ..Self::plain(media_type, content) }
    }

    pub(super) fn digest(&self) -> Digest {
        self.digest
    }

    /// Returns the response to a request, which may be conditional.
    pub(super) fn respond(&self, request: &HttpRequest, cache_control: &'static str) -> HttpResponse {
        let gzip = self.gzip.as_ref().filter(|_| compression::accepts_gzip(request));
        let required = etag::strong_tags(request.headers(), &IF_MATCH);
        if required.is_some_and(|required| !required.contains(&self.digest)) {
            return HttpResponse::from_error(ApiError::PreconditionFailed);
        }
        let known = etag::weak_tags(request.headers(), &IF_NONE_MATCH);
        let is_known = known.is_some_and(|known| known.contains(&self.digest));
        let mut response = if is_known { HttpResponse::NotModified() } else { HttpResponse::Ok() };
        response
            .insert_header(etag::header(&self.digest))
            .insert_header((CACHE_CONTROL, cache_control))
            .insert_header((VARY, "Accept-Encoding"));
        let mut response = if is_known {
            response.finish()
        } else {
            if gzip.is_some() {
                response.insert_header((CONTENT_ENCODING, "gzip"));
            }
            let content = gzip.unwrap_or(&self.plain).clone();
            response.content_type(self.media_type).body(PiecewiseBody::from(content))
        };
        etag::mark_coding(response.headers_mut(), gzip.map(|_| "gzip"));
        response
    }
}

/// The first 8 bytes of the SHA-256 digest of a file. They identify the version of the file.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Digest(u64);

impl Digest {
    fn of(content: &[u8]) -> Self {
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
