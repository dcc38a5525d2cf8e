use std::str::FromStr;

use icp_domain::UserId;
use serde::de::{Deserializer as _, MapAccess, Visitor};
use serde_json::value::RawValue;

use crate::error::InvalidSetting;
use crate::rejection::{MALFORMED_TOKEN, Rejection, require};

/// The users who are admins. No user is an admin in an impersonated session or with an access token.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AdminRule {
    /// Users who are admins even without the claim.
    pub user_ids: Vec<UserId>,
    /// A claim that makes a user an admin if it is the string `admin`.
    pub claim: Option<ClaimPointer>,
}

impl AdminRule {
    /// Returns true if the user is listed, or if the claim in `payload` makes the user an admin.
    pub(crate) fn is_admin(&self, user: &UserId, payload: &str) -> Result<bool, Rejection> {
        let claim = self.claim.as_ref().map_or(Ok(false), |claim| claim.has_admin_value(payload));
        Ok(self.user_ids.contains(user) || claim?)
    }
}

/// A JSON Pointer (RFC 6901) to a claim of a token.
///
/// The pointer must not select the claim `o` or a claim `org_...`, because the user's organization decides their
/// values. Every user who creates an organization is an admin of that organization.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClaimPointer(Vec<String>);

impl ClaimPointer {
    fn has_admin_value(&self, payload: &str) -> Result<bool, Rejection> {
        let payload = serde_json::from_str(payload).map_err(|_| MALFORMED_TOKEN)?;
        let value = value_at(payload, &self.0)?;
        Ok(value.and_then(|value| serde_json::from_str::<String>(value.get()).ok()).as_deref()
            == Some("admin"))
    }
}

impl FromStr for ClaimPointer {
    type Err = InvalidSetting;

    fn from_str(text: &str) -> Result<Self, InvalidSetting> {
        // The empty pointer selects the object of all claims, which can never be the string `admin`.
        let path = text.strip_prefix('/').ok_or(INVALID_POINTER)?.split('/').map(unescape);
        let path: Vec<_> = path.collect::<Option<_>>().ok_or(INVALID_POINTER)?;
        let is_organization_claim = |claim: &String| claim == "o" || claim.starts_with("org_");
        if path.first().is_some_and(is_organization_claim) { Err(ORGANIZATION_CLAIM) } else { Ok(Self(path)) }
    }
}

/// Replaces the escape sequences `~0` and `~1`. Returns `None` if the text contains another `~`.
fn unescape(name: &str) -> Option<String> {
    let has_invalid_escape = name.split('~').skip(1).any(|rest| !rest.starts_with(['0', '1']));
    // `~1` must be replaced before `~0`, so that `~01` becomes `~1` (RFC 6901, section 4).
    (!has_invalid_escape).then(|| name.replace("~1", "/").replace("~0", "~"))
}

const INVALID_POINTER: InvalidSetting = InvalidSetting(
    "not a JSON Pointer to a claim, such as /metadata/role: begin it with '/', and write '~' as '~0'",
);
const ORGANIZATION_CLAIM: InvalidSetting = InvalidSetting(
    "must not select the claim `o` or a claim `org_...`: every user who creates an organization could become an admin; \
     use a claim that only you can set, such as /metadata/role",
);

/// Returns the value to which the pointer leads. Fails if an object on the path has two properties with the next name.
fn value_at<'a>(value: &'a RawValue, path: &[String]) -> Result<Option<&'a RawValue>, Rejection> {
    let Some((name, rest)) = path.split_first() else { return Ok(Some(value)) };
    let child =
        if let Ok(properties) = serde_json::Deserializer::from_str(value.get()).deserialize_map(Properties) {
            let mut matching =
                properties.into_iter().filter(|(property, _)| property == name).map(|(_, value)| value);
            let child = matching.next();
            require(matching.next().is_none(), "malformed_token")?;
            child
        } else {
            let elements: Vec<&RawValue> = serde_json::from_str(value.get()).unwrap_or_default();
            // An array index consists of digits, without leading zeros (RFC 6901, section 4).
            let index = name.parse().ok().filter(|index: &usize| index.to_string() == *name);
            index.and_then(|index| elements.get(index).copied())
        };
    child.map_or(Ok(None), |child| value_at(child, rest))
}

/// Reads all properties of an object. A map would drop properties with the same name.
struct Properties;

impl<'de> Visitor<'de> for Properties {
    type Value = Vec<(String, &'de RawValue)>;

    fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        std::iter::from_fn(|| map.next_entry().transpose()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn has_admin_value(pointer: &str, claims: &str) -> bool {
        pointer.parse::<ClaimPointer>().unwrap().has_admin_value(claims).unwrap()
    }

    #[test]
    fn pointer_finds_claim() {
        assert!(has_admin_value("/role", r#"{"role":"admin"}"#));
        assert!(has_admin_value("/metadata/role", r#"{"role":1,"metadata":{"role":"\u0061dmin"}}"#));
        assert!(has_admin_value("/a~1b/~01/", r#"{"a/b":{"~1":{"":"admin"}}}"#));
        assert!(has_admin_value("/roles/1", r#"{"roles":["user","admin"]}"#));
        assert!(has_admin_value("/0", r#"{"0":"admin","x":[1e400,"\ud800"]}"#));
    }

    #[test]
    fn only_string_admin_makes_admin() {
        let other_claims = r#"{} ; {"role":"Admin"} ; {"role":" admin"} ; {"role":["admin"]} ; {"role":true} ; {"role":null} ;
            {"role":{"admin":"admin"}} ; {"Role":"admin"} ; {"role":"adm\ud800"}"#;
        for claims in other_claims.split(';').map(str::trim) {
            assert!(!has_admin_value("/role", claims), "{claims}");
        }
        for index in ["0", "01", "+1", "-", "2", "99999999999999999999999"] {
            assert!(!has_admin_value(&format!("/roles/{index}"), r#"{"roles":["user","admin"]}"#), "{index}");
        }
        assert!(!has_admin_value("/role/x", r#"{"role":"admin"}"#));
    }

    #[test]
    fn duplicate_name_in_claim_path_is_refused() {
        let pointer: ClaimPointer = "/metadata/role".parse().unwrap();
        for claims in [
            r#"{"metadata":{"role":"user"},"metadata":{"role":"admin"}}"#,
            r#"{"metadata":{"role":"user","role":"admin"}}"#,
            r#"{"metadata":{"role":"admin","r\u006fle":"admin"}}"#,
        ] {
            assert_eq!(pointer.has_admin_value(claims), Err(MALFORMED_TOKEN), "{claims}");
        }
        let duplicates_outside_path = r#"{"x":1,"x":2,"metadata":{"role":"admin","a":1,"a":2}}"#;
        assert_eq!(pointer.has_admin_value(duplicates_outside_path), Ok(true));
    }

    #[test]
    fn invalid_pointers_and_organization_claims_are_refused() {
        for text in ["", "role", "#/role", "/a~", "/a~2b", "/~"] {
            assert_eq!(text.parse::<ClaimPointer>(), Err(INVALID_POINTER), "{text}");
        }
        for text in ["/o/rol", "/o", "/o/", "/org_role", "/org_permissions/0", "/org_"] {
            assert_eq!(text.parse::<ClaimPointer>(), Err(ORGANIZATION_CLAIM), "{text}");
        }
        for text in ["/org", "/other/o", "/metadata/org_role", "/O/rol", "/roles/0"] {
            assert!(text.parse::<ClaimPointer>().is_ok(), "{text}");
        }
    }
}
