//! Secrets in URLs.

/// Parameters of a database's URL that contain no secret. `options` may: it can set anything.
const SHOWN_PARAMETERS: [&str; 7] =
    ["sslmode", "sslrootcert", "host", "port", "user", "dbname", "target_session_attrs"];

/// Hides the password of a URL and, unless it is a database's, the user, which may be a token; and all parameters if one may be
/// secret. Returns `None` for what is no URL.
pub(super) fn without_secrets(text: &str) -> Option<String> {
    let mut url = url::Url::parse(text).ok().filter(url::Url::has_authority)?;
    if url.scheme() == "sqlite" {
        return Some(text.to_owned());
    }
    let hides_user = !url.scheme().starts_with("postgres") && !url.username().is_empty();
    let hides_password = url.password().is_some();
    let hides_query = url.query_pairs().any(|(name, _)| !SHOWN_PARAMETERS.contains(&&*name));
    if hides_user {
        url.set_username("hidden").ok()?;
    }
    if hides_password {
        url.set_password(Some("hidden")).ok()?;
    }
    if hides_query {
        url.set_query(None);
    }
    let is_changed = hides_user || hides_password || hides_query;
    Some(if is_changed { url.into() } else { text.to_owned() })
}
