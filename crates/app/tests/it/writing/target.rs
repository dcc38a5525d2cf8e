//! Invalid bodies, sent as a create and as a patch.

use crate::support::Service;
use crate::support::users::{SMB, User};

/// Returns a body with these fields and the required ones.
pub(crate) fn create_with(members: &str) -> String {
    let required = [r#""name":"SMB""#, r#""leadProviderCriteria":[]"#].into_iter();
    let missing = required.filter(|member| !members.contains(member.split(':').next().unwrap_or_default()));
    let all: Vec<&str> = missing.chain([members].into_iter().filter(|text| !text.is_empty())).collect();
    format!("{{{}}}", all.join(","))
}

/// An ICP of a user, for invalid creates and patches.
pub(crate) struct Target<'a> {
    pub(crate) user: User<'a>,
    pub(crate) path: String,
    list: String,
}

impl<'a> Target<'a> {
    pub(crate) async fn of(service: &'a Service) -> Self {
        let user = service.user("user_ada");
        let created = user.create(SMB).await;
        Self { user, path: created.icp_path(), list: format!("[{}]", created.body) }
    }

    /// Checks that creates and patches with these fields are refused, and that nothing is stored.
    pub(crate) async fn refuses(&self, members: &str, violations: &[String]) {
        let responses = [
            self.user.post(create_with(members)).await,
            self.user.patch(&self.path, format!("{{{members}}}")).await,
        ];
        let mut violations = violations.to_vec();
        violations.sort();
        for (method, response) in ["POST", "PATCH"].into_iter().zip(&responses) {
            assert_eq!(response.status, 400, "{method} {members}: {response:?}");
            assert_eq!(response.violations(), violations, "{method} {members}");
        }
        self.assert_unchanged().await;
    }

    pub(crate) async fn assert_unchanged(&self) {
        assert_eq!(self.user.list().await, self.list);
    }
}
