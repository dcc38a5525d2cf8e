//! Secrets in URLs.

/// Parameters of a database URL that contain no secret. `options` is excluded, because it can set any server setting.
const SHOWN_PARAMETERS: [&str; 7] =
    ["sslmode", "sslrootcert", "host", "port", "user", "dbname", "target_session_attrs"];

/// Returns a URL without its secrets, or `None` if the text is not a URL.
///
/// Replaces the password. Also replaces the user name, which may be a token, unless the text is the URL of a database.
/// Removes all parameters if one of them may be secret.
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
