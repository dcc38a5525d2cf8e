//! The OAuth metadata of `/mcp` (RFC 9728), which tells clients how their users sign in.

use std::sync::Arc;

use actix_web::HttpResponse;
use actix_web::http::header::{ACCESS_CONTROL_ALLOW_ORIGIN, CACHE_CONTROL};
use serde::Serialize;
use url::{ParseError, Url};

const WELL_KNOWN: &str = "/.well-known/oauth-protected-resource";

/// The endpoint for assistants as an OAuth resource.
#[derive(Clone, Debug)]
pub(crate) struct ProtectedResource(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    metadata_url: String,
    path: String,
    document: Document,
}

#[derive(Debug, Serialize)]
struct Document {
    resource: String,
    authorization_servers: [String; 1],
    // RFC 9728, section 3.2: an empty list must be omitted.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    scopes_supported: Vec<String>,
    bearer_methods_supported: [&'static str; 1],
}

impl ProtectedResource {
    /// Returns the resource with this public URL. Access tokens for it come from `issuer`.
    pub(crate) fn new(resource: &str, issuer: &str, required_scopes: &[String]) -> Result<Self, ParseError> {
        let url = Url::parse(resource)?;
        let (origin, path) = (url.origin().ascii_serialization(), url.path().to_owned());
        Ok(Self(Arc::new(Inner {
            // RFC 9728, section 3.1: the well-known path is inserted between the host and the path.
            metadata_url: format!("{origin}{WELL_KNOWN}{path}"),
            path,
            document: Document {
                resource: resource.to_owned(),
                authorization_servers: [issuer.to_owned()],
                scopes_supported: required_scopes.to_vec(),
                bearer_methods_supported: ["header"],
            },
        })))
    }

    /// Returns the public URL of the metadata.
    pub(super) fn metadata_url(&self) -> &str {
        &self.0.metadata_url
    }

    /// Returns the scopes that a token must have, separated by spaces.
    pub(super) fn scope(&self) -> String {
        self.0.document.scopes_supported.join(" ")
    }

    /// Returns the metadata.
    pub(super) fn respond(&self) -> HttpResponse {
        HttpResponse::Ok()
            .insert_header((ACCESS_CONTROL_ALLOW_ORIGIN, "*"))
            .insert_header((CACHE_CONTROL, "max-age=300"))
            .json(&self.0.document)
    }

    /// Returns the paths of the metadata: the well-known path alone, with `/mcp` appended, and with the public path of
    /// the endpoint appended.
    pub(super) fn metadata_paths(&self) -> Vec<String> {
        let mut paths = vec!["", "/mcp", &self.0.path];
        paths.dedup();
        paths.into_iter().map(|path| format!("{WELL_KNOWN}{path}")).collect()
    }
}

/// Returns true for the paths of the metadata, which pages of every origin may read.
pub(super) fn is_metadata(path: &str) -> bool {
    path.starts_with(WELL_KNOWN)
}
