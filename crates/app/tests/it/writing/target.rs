//! Sends invalid bodies to create and to patch an ICP.

use crate::support::Service;
use crate::support::users::{MINIMAL_BODY, User};

/// Returns the body of a create with `fields` and the required fields.
pub(crate) fn create_with(fields: &str) -> String {
    let required = [r#""name":"SMB""#, r#""leadProviderCriteria":[]"#].into_iter();
    let missing = required.filter(|field| !fields.contains(field.split(':').next().unwrap_or_default()));
    let all: Vec<&str> = missing.chain([fields].into_iter().filter(|text| !text.is_empty())).collect();
    format!("{{{}}}", all.join(","))
}

/// An ICP to which the tests send invalid patches, and its user.
pub(crate) struct Target<'a> {
    pub(crate) user: User<'a>,
    pub(crate) path: String,
    list: String,
}

impl<'a> Target<'a> {
    pub(crate) async fn create(service: &'a Service) -> Self {
        let user = service.user("user_ada");
        let created = user.create(MINIMAL_BODY).await;
        Self { user, path: created.icp_path(), list: format!("[{}]", created.body) }
    }

    /// Checks that the service rejects a create and a patch with these fields, and stores nothing.
    pub(crate) async fn assert_rejected(&self, fields: &str, violations: &[String]) {
        let responses = [
            self.user.post(create_with(fields)).await,
            self.user.patch(&self.path, format!("{{{fields}}}")).await,
        ];
        let mut violations = violations.to_vec();
        violations.sort();
        for (method, response) in ["POST", "PATCH"].into_iter().zip(&responses) {
            assert_eq!(response.status, 400, "{method} {fields}: {response:?}");
            assert_eq!(response.violations(), violations, "{method} {fields}");
        }
        self.assert_unchanged().await;
    }

    pub(crate) async fn assert_unchanged(&self) {
        assert_eq!(self.user.list().await, self.list);
    }
}
