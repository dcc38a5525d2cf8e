use serde::Deserialize;

use super::{AuthSettings, SettingsError, SignIn};

/// The endpoint for AI assistants.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct McpSettings {
    /// Whether it is there.
    pub enabled: bool,
    /// The public URL of the endpoint. If it is set, the endpoint accepts OAuth access tokens.
    pub resource: Option<String>,
    /// OAuth clients whose access tokens are accepted although they do not name the resource.
    #[serde(default)]
    pub oauth_client_ids: Vec<String>,
    /// The scopes that an access token must all have.
    #[serde(default)]
    pub required_scopes: Vec<String>,
}

impl McpSettings {
    pub(super) fn check(&self, auth: &AuthSettings) -> Result<(), SettingsError> {
        let useless = |key, why| Err(SettingsError::of(key, why));
        if self.resource.is_none() {
            for (key, list) in [
                ("mcp.oauth_client_ids", &self.oauth_client_ids),
                ("mcp.required_scopes", &self.required_scopes),
            ] {
                if !list.is_empty() {
                    return useless(key, "is of no use without mcp.resource (ICP__MCP__RESOURCE)");
                }
            }
            return Ok(());
        }
        if !self.enabled {
            return useless("mcp.resource", "is of no use unless mcp.enabled (ICP__MCP__ENABLED) is true");
        }
        if matches!(auth.sign_in, SignIn::Development) {
            let why = "needs Clerk (CLERK_PUBLISHABLE_KEY): the development sign-in issues no access tokens";
            return useless("mcp.resource", why);
        }
        Ok(())
    }
}
