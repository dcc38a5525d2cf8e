//! What a token's header may say (docs/contract/clerk-tokens.md, 2.2 to 2.4).

use std::borrow::Cow;

use icp_domain::json::Json;

use crate::reason::Reason;

/// Clerk's category of session tokens.
const SESSION: &str = "cl_B7d4PD111AAA";
/// Its category of tokens that leave the category open.
const OMITTED: &str = "cl_I7d4PD111III";

/// The one thing that a header is asked: which key.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum KeyId<'a> {
    Absent,
    Named(Cow<'a, str>),
    NotText,
}

/// Checks a header. Members that would bring a key along (`jku`, `jwk`, `x5u`, `x5c`) are nobody's business
/// here: keys come from where the settings say.
pub(crate) fn check(header: Json<'_>) -> Result<KeyId<'_>, Reason> {
    let mut kid = KeyId::Absent;
    let mut algorithm = false;
    for member in header.members() {
        let is =
            |expected: &[&str]| member.value.string().is_some_and(|text| expected.contains(&text.as_ref()));
        match member.name.as_ref() {
            "alg" => algorithm = is(&["RS256"]),
            "typ" if !is(&["JWT"]) => return Err(Reason::WrongType),
            // RFC 7515, section 4.1.11, and RFC 7797: an extension that is not understood must be refused.
            "crit" | "b64" => return Err(Reason::CriticalHeader),
            "cat" if !is(&[SESSION, OMITTED]) => return Err(Reason::WrongCategory),
            "kid" => kid = member.value.string().map_or(KeyId::NotText, KeyId::Named),
            _ => {}
        }
    }
    // Never what the token would like, or one could be forged with the public key as an HMAC secret.
    if algorithm { Ok(kid) } else { Err(Reason::WrongAlgorithm) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checked(header: &str) -> Result<KeyId<'_>, Reason> {
        check(Json::parse(header).unwrap())
    }

    #[test]
    fn what_a_session_token_says() {
        let header = r#"{"alg":"RS256","cat":"cl_B7d4PD111AAA","kid":"k1","typ":"JWT"}"#;
        assert_eq!(checked(header), Ok(KeyId::Named("k1".into())));
        assert_eq!(checked(r#"{"alg":"RS256"}"#), Ok(KeyId::Absent));
        assert_eq!(checked(r#"{"alg":"RS256","cat":"cl_I7d4PD111III"}"#), Ok(KeyId::Absent));
        let header = r#"{"alg":"RS256","jku":"https://evil","jwk":{},"x5u":1,"x5c":[],"Crit":1,"zip":"DEF"}"#;
        assert_eq!(checked(header), Ok(KeyId::Absent));
    }

    #[test]
    fn a_key_id_is_text() {
        for kid in ["1", "null", "true", "[]", "{}", "\"\\ud800\""] {
            assert_eq!(checked(&format!(r#"{{"alg":"RS256","kid":{kid}}}"#)), Ok(KeyId::NotText), "{kid}");
        }
    }

    #[test]
    fn what_is_refused() {
        for (header, reason) in [
            ("{}", Reason::WrongAlgorithm),
            (r#"{"alg":"rs256"}"#, Reason::WrongAlgorithm),
            (r#"{"alg":"RS512"}"#, Reason::WrongAlgorithm),
            (r#"{"alg":"none"}"#, Reason::WrongAlgorithm),
            (r#"{"alg":["RS256"]}"#, Reason::WrongAlgorithm),
            (r#"{"alg":null}"#, Reason::WrongAlgorithm),
            (r#"{"alg":"RS256","typ":"jwt"}"#, Reason::WrongType),
            (r#"{"alg":"RS256","typ":"at+jwt"}"#, Reason::WrongType),
            (r#"{"alg":"RS256","typ":null}"#, Reason::WrongType),
            (r#"{"alg":"RS256","crit":[]}"#, Reason::CriticalHeader),
            (r#"{"alg":"RS256","crit":null}"#, Reason::CriticalHeader),
            (r#"{"alg":"RS256","b64":true}"#, Reason::CriticalHeader),
            (r#"{"alg":"RS256","cat":""}"#, Reason::WrongCategory),
            (r#"{"alg":"RS256","cat":null}"#, Reason::WrongCategory),
            (r#"{"alg":"RS256","cat":"cl_B7d4PD222AAA"}"#, Reason::WrongCategory),
        ] {
            assert_eq!(checked(header), Err(reason), "{header}");
        }
    }
}
