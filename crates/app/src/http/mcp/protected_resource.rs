//! The OAuth metadata of the endpoint (RFC 9728), from which clients learn how to sign in.

use std::sync::Arc;

use actix_web::http::header::{ACCESS_CONTROL_ALLOW_ORIGIN, CACHE_CONTROL};
use actix_web::{HttpResponse, web};
use serde::Serialize;
use url::{ParseError, Url};

use crate::http::routing::{read, read_only};

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
    // RFC 9728, section 3.2: an empty list must be left out.
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
            // RFC 9728, section 3.1: between host and path.
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
    pub(in crate::http) fn metadata_url(&self) -> &str {
        &self.0.metadata_url
    }

    /// Returns the scopes that a token must have, separated by spaces.
    pub(in crate::http) fn scope(&self) -> String {
        self.0.document.scopes_supported.join(" ")
    }

    fn respond(&self) -> HttpResponse {
        HttpResponse::Ok()
            .insert_header((ACCESS_CONTROL_ALLOW_ORIGIN, "*"))
            .insert_header((CACHE_CONTROL, "max-age=300"))
            .json(&self.0.document)
    }

    /// Registers the metadata: without a path, below the path of the endpoint, and below its public path.
    pub(super) fn routes(&self, config: &mut web::ServiceConfig) {
        let mut paths = vec!["", "/mcp", &self.0.path];
        paths.dedup();
        for path in paths {
            let resource = self.clone();
            let handle = move || std::future::ready(resource.respond());
            config.service(read_only(&format!("{WELL_KNOWN}{path}"), read().to(handle)));
        }
    }
}

/// Returns true for the metadata, which pages of every origin may read.
pub(in crate::http) fn is_metadata(path: &str) -> bool {
    path.starts_with(WELL_KNOWN)
}
