use std::str::FromStr;

use icp_domain::UserId;
use icp_domain::json::{Json, Kind};

/// What a claim says of an admin.
const ADMIN: &str = "admin";

/// Who is an admin: whoever is named, and whoever a claim calls so.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AdminRule {
    /// Users who are admins whatever their token says.
    pub user_ids: Vec<UserId>,
    /// A claim that makes a user an admin when it is the string `admin`.
    pub claim: Option<ClaimPointer>,
}

impl AdminRule {
    pub(crate) fn applies(&self, user: &UserId, claims: Json<'_>) -> bool {
        self.user_ids.contains(user) || self.claim.as_ref().is_some_and(|claim| claim.says_admin(claims))
    }
}

/// A JSON Pointer (RFC 6901) to a claim of a token.
///
/// ```
/// use icp_clerk::ClaimPointer;
///
/// assert!("/metadata/role".parse::<ClaimPointer>().is_ok());
/// assert!("metadata.role".parse::<ClaimPointer>().is_err());
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClaimPointer(Vec<String>);

impl ClaimPointer {
    fn says_admin(&self, claims: Json<'_>) -> bool {
        let target = self.0.iter().try_fold(claims, |value, step| child(value, step));
        target.and_then(Json::string).is_some_and(|text| text == ADMIN)
    }
}

fn child<'a>(parent: Json<'a>, step: &str) -> Option<Json<'a>> {
    match parent.kind() {
        Kind::Object => parent.members().find(|member| member.name == step).map(|member| member.value),
        Kind::Array => parent.elements().nth(index(step)?),
        _ => None,
    }
}

/// An array index as RFC 6901, section 4, writes it: digits without leading zeros.
fn index(step: &str) -> Option<usize> {
    let canonical = step == "0" || !step.starts_with('0');
    (canonical && step.bytes().all(|byte| byte.is_ascii_digit())).then(|| step.parse().ok()).flatten()
}

impl FromStr for ClaimPointer {
    type Err = InvalidClaimPointer;

    fn from_str(text: &str) -> Result<Self, InvalidClaimPointer> {
        // The empty pointer means the claims as a whole, which are no string: nobody would ever be an admin.
        let steps = text.strip_prefix('/').ok_or(InvalidClaimPointer)?;
        steps.split('/').map(unescape).collect::<Option<_>>().map(Self).ok_or(InvalidClaimPointer)
    }
}

fn unescape(step: &str) -> Option<String> {
    let dangling = step.split('~').skip(1).any(|rest| !rest.starts_with(['0', '1']));
    // In this order, so that `~01` becomes `~1` (RFC 6901, section 4).
    (!dangling).then(|| step.replace("~1", "/").replace("~0", "~"))
}

/// The text is not a JSON Pointer to a claim.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("not a JSON Pointer to a claim, such as /metadata/role: it begins with '/', and '~' is written '~0'")]
pub struct InvalidClaimPointer;

#[cfg(test)]
mod tests {
    use super::*;

    fn says_admin(pointer: &str, claims: &str) -> bool {
        pointer.parse::<ClaimPointer>().unwrap().says_admin(Json::parse(claims).unwrap())
    }

    #[test]
    fn the_claim_is_found() {
        assert!(says_admin("/role", r#"{"role":"admin"}"#));
        assert!(says_admin("/metadata/role", r#"{"role":1,"metadata":{"role":"\u0061dmin"}}"#));
        assert!(says_admin("/a~1b/~01/", r#"{"a/b":{"~1":{"":"admin"}}}"#));
        assert!(says_admin("/roles/1", r#"{"roles":["user","admin"]}"#));
        assert!(says_admin("/0", r#"{"0":"admin"}"#));
    }

    #[test]
    fn nothing_but_the_string_counts() {
        for claims in [
            "{}",
            r#"{"role":"Admin"}"#,
            r#"{"role":" admin"}"#,
            r#"{"role":["admin"]}"#,
            r#"{"role":true}"#,
            r#"{"role":null}"#,
            r#"{"role":{"admin":"admin"}}"#,
            r#"{"Role":"admin"}"#,
            r#"{"role":"adm\ud800"}"#,
        ] {
            assert!(!says_admin("/role", claims), "{claims}");
        }
        assert!(!says_admin("/roles/01", r#"{"roles":["user","admin"]}"#));
        assert!(!says_admin("/roles/-", r#"{"roles":["admin"]}"#));
        assert!(!says_admin("/roles/99999999999999999999999", r#"{"roles":["admin"]}"#));
        assert!(!says_admin("/role/x", r#"{"role":"admin"}"#));
    }

    #[test]
    fn what_is_no_pointer() {
        for text in ["", "role", "#/role", "/a~", "/a~2b", "/~"] {
            assert_eq!(text.parse::<ClaimPointer>(), Err(InvalidClaimPointer), "{text}");
        }
    }
}
