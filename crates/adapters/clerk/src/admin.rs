use std::str::FromStr;

use icp_domain::UserId;
use serde::de::{Deserializer as _, MapAccess, Visitor};
use serde_json::value::RawValue;

use crate::error::InvalidSetting;
use crate::rejection::{MALFORMED_TOKEN, Rejection, require};

/// The users who are admins.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AdminRule {
    /// Users who are admins even without the claim.
    pub user_ids: Vec<UserId>,
    /// A claim that makes a user an admin if it is the string `admin`.
    pub claim: Option<ClaimPointer>,
}

impl AdminRule {
    pub(crate) fn is_admin(&self, user: &UserId, payload: &str) -> Result<bool, Rejection> {
        let claim = self.claim.as_ref().map_or(Ok(false), |claim| claim.says_admin(payload));
        Ok(self.user_ids.contains(user) || claim?)
    }
}

/// A JSON Pointer (RFC 6901) to a claim of a token.
///
/// It cannot point into the claims `o` and `org_...`, because the user's organization decides their values. Every user who
/// creates an organization is an admin of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClaimPointer(Vec<String>);

impl ClaimPointer {
    fn says_admin(&self, payload: &str) -> Result<bool, Rejection> {
        let payload = serde_json::from_str(payload).map_err(|_| MALFORMED_TOKEN)?;
        let value = value_at(payload, &self.0)?;
        Ok(value.and_then(|value| serde_json::from_str::<String>(value.get()).ok()).as_deref()
            == Some("admin"))
    }
}

impl FromStr for ClaimPointer {
    type Err = InvalidSetting;

    fn from_str(text: &str) -> Result<Self, InvalidSetting> {
        // The empty pointer means all claims, which are not a string.
        let steps = text.strip_prefix('/').ok_or(SYNTAX)?.split('/').map(unescape);
        let steps: Vec<_> = steps.collect::<Option<_>>().ok_or(SYNTAX)?;
        let is_of_organization = |claim: &String| claim == "o" || claim.starts_with("org_");
        if steps.first().is_some_and(is_of_organization) { Err(ORGANIZATION) } else { Ok(Self(steps)) }
    }
}

fn unescape(step: &str) -> Option<String> {
    let is_dangling = step.split('~').skip(1).any(|rest| !rest.starts_with(['0', '1']));
    // In this order, so that `~01` becomes `~1` (RFC 6901, section 4).
    (!is_dangling).then(|| step.replace("~1", "/").replace("~0", "~"))
}

const SYNTAX: InvalidSetting = InvalidSetting(
    "not a JSON Pointer to a claim, such as /metadata/role: begin it with '/', and write '~' as '~0'",
);
const ORGANIZATION: InvalidSetting = InvalidSetting(
    "the claims `o` and `org_...` are decided by the user's own organization: everyone who creates one would be an \
     admin; use a claim that only you can set, such as /metadata/role",
);

/// Returns the value at the steps of a pointer. Fails if a name on the path appears twice.
fn value_at<'a>(value: &'a RawValue, steps: &[String]) -> Result<Option<&'a RawValue>, Rejection> {
    let Some((step, rest)) = steps.split_first() else { return Ok(Some(value)) };
    let child = if let Ok(members) = serde_json::Deserializer::from_str(value.get()).deserialize_map(Members)
    {
        let mut named = members.into_iter().filter(|(name, _)| name == step).map(|(_, value)| value);
        let child = named.next();
        require(named.next().is_none(), "malformed_token")?;
        child
    } else {
        let elements: Vec<&RawValue> = serde_json::from_str(value.get()).unwrap_or_default();
        // RFC 6901, section 4: digits without leading zeros.
        let index = step.parse().ok().filter(|index: &usize| index.to_string() == *step);
        index.and_then(|index| elements.get(index).copied())
    };
    child.map_or(Ok(None), |child| value_at(child, rest))
}

/// Reads the members of an object, including members with duplicate names.
struct Members;

impl<'de> Visitor<'de> for Members {
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

    fn says_admin(pointer: &str, claims: &str) -> bool {
        pointer.parse::<ClaimPointer>().unwrap().says_admin(claims).unwrap()
    }

    #[test]
    fn pointer_finds_claim() {
        assert!(says_admin("/role", r#"{"role":"admin"}"#));
        assert!(says_admin("/metadata/role", r#"{"role":1,"metadata":{"role":"\u0061dmin"}}"#));
        assert!(says_admin("/a~1b/~01/", r#"{"a/b":{"~1":{"":"admin"}}}"#));
        assert!(says_admin("/roles/1", r#"{"roles":["user","admin"]}"#));
        assert!(says_admin("/0", r#"{"0":"admin","x":[1e400,"\ud800"]}"#));
    }

    #[test]
    fn only_string_makes_admin() {
        let others = r#"{} ; {"role":"Admin"} ; {"role":" admin"} ; {"role":["admin"]} ; {"role":true} ; {"role":null} ;
            {"role":{"admin":"admin"}} ; {"Role":"admin"} ; {"role":"adm\ud800"}"#;
        for claims in others.split(';').map(str::trim) {
            assert!(!says_admin("/role", claims), "{claims}");
        }
        for index in ["0", "01", "+1", "-", "2", "99999999999999999999999"] {
            assert!(!says_admin(&format!("/roles/{index}"), r#"{"roles":["user","admin"]}"#), "{index}");
        }
        assert!(!says_admin("/role/x", r#"{"role":"admin"}"#));
    }

    #[test]
    fn duplicate_name_in_claim_path_is_refused() {
        let pointer: ClaimPointer = "/metadata/role".parse().unwrap();
        for claims in [
            r#"{"metadata":{"role":"user"},"metadata":{"role":"admin"}}"#,
            r#"{"metadata":{"role":"user","role":"admin"}}"#,
            r#"{"metadata":{"role":"admin","r\u006fle":"admin"}}"#,
        ] {
            assert_eq!(pointer.says_admin(claims), Err(MALFORMED_TOKEN), "{claims}");
        }
        let elsewhere = r#"{"x":1,"x":2,"metadata":{"role":"admin","a":1,"a":2}}"#;
        assert_eq!(pointer.says_admin(elsewhere), Ok(true));
    }

    #[test]
    fn pointer_into_organization_claim_is_refused() {
        for text in ["", "role", "#/role", "/a~", "/a~2b", "/~"] {
            assert_eq!(text.parse::<ClaimPointer>(), Err(SYNTAX), "{text}");
        }
        for text in ["/o/rol", "/o", "/o/", "/org_role", "/org_permissions/0", "/org_"] {
            assert_eq!(text.parse::<ClaimPointer>(), Err(ORGANIZATION), "{text}");
        }
        for text in ["/org", "/other/o", "/metadata/org_role", "/O/rol", "/roles/0"] {
            assert!(text.parse::<ClaimPointer>().is_ok(), "{text}");
        }
    }
}
