use icp_domain::json::Pointer;
use icp_domain::{Icp, IcpDocument, ValidationErrors, Violation, ViolationCode, limits};
use icp_ports::{Quota, StoredIcp};

/// The limits that an operator sets on the data that users write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The quota of each user.
    pub quota: Quota,
    /// Maximum number of users of one ICP. An ICP that already has more users may keep that number.
    pub user_ids_per_icp: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { quota: Quota { icps: 10_000, bytes: 1 << 30 }, user_ids_per_icp: 1_000 }
    }
}

impl Limits {
    /// Checks the size and the number of users of the new state of an ICP. The storage checks the quota. A state may
    /// exceed a limit by no more than the old state did.
    pub(crate) fn check(
        &self,
        after: &IcpDocument,
        before: Option<(&Icp, &StoredIcp)>,
    ) -> Result<(), ValidationErrors> {
        let users_before = before.map_or(0, |(icp, _)| icp.user_ids.len());
        let bytes_before = before.map_or(0, |(_, stored)| stored.json.len());
        let (users, bytes) = (after.user_ids().len(), after.json().len());
        let mut violations = Vec::new();
        if bytes > limits::ICP_BYTES.max(bytes_before) {
            let detail = format!("the stored ICP must have at most {} bytes", limits::ICP_BYTES);
            let pointer = Pointer::default();
            violations.push(Violation { pointer, code: ViolationCode::TooLong, detail: detail.into() });
        }
        if users > self.user_ids_per_icp.max(users_before) {
            let detail = format!("an ICP must have at most {} users", self.user_ids_per_icp);
            violations.push(Violation::of_field("userIds", ViolationCode::TooLong, detail));
        }
        ValidationErrors::check(violations)
    }
}
