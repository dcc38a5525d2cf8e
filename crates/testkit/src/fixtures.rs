//! ICPs to test with.

use icp_domain::{Icp, IcpDocument, IcpId, Rules, UserId};
use serde_json::{Value, json};
use uuid::Uuid;

/// The list that the API's reference shows, as it is written there.
pub const EXAMPLE_LIST: &str = include_str!("../../../docs/contract/example-list-icps.json");

/// An id that says its number.
pub fn id(number: u128) -> IcpId {
    Uuid::from_u128(number).into()
}

/// A user id.
///
/// # Panics
///
/// When it is empty.
#[expect(clippy::expect_used, reason = "a fixture that is none is a bug in the test")]
pub fn user(text: &str) -> UserId {
    text.try_into().expect("a fixture's user id is not empty")
}

/// An ICP in the making: whatever is not set has some valid value.
#[derive(Clone, Debug)]
pub struct IcpBuilder(Value);

/// An ICP of the user `user_ada`, with the given number as its id.
pub fn icp(number: u128) -> IcpBuilder {
    IcpBuilder(json!({
        "id": id(number),
        "name": format!("ICP {number}"),
        "createdAt": "2024-01-15T10:30:00.000Z",
        "updatedAt": "2024-01-15T10:30:00.000Z",
        "leadProviderCriteria": [{"provider": "baseProvider", "type": "person", "filters": {"job_title": ["CTO"]}}],
        "userIds": ["user_ada"],
    }))
}

impl IcpBuilder {
    /// Sets a member by its name on the wire.
    #[must_use]
    pub fn with(mut self, member: &str, value: impl Into<Value>) -> Self {
        if let Value::Object(members) = &mut self.0 {
            members.insert(member.to_owned(), value.into());
        }
        self
    }

    /// Sets who may see it.
    #[must_use]
    pub fn users<const N: usize>(self, users: [&str; N]) -> Self {
        self.with("userIds", users.to_vec())
    }

    /// Sets when it was created.
    #[must_use]
    pub fn created_at(self, time: &str) -> Self {
        self.with("createdAt", time)
    }

    /// The ICP's JSON, not canonical.
    pub fn json(&self) -> String {
        self.0.to_string()
    }

    /// The ICP as it is stored.
    pub fn document(&self) -> IcpDocument {
        document(&self.json())
    }
}

/// An ICP as it is stored, read leniently from its JSON.
///
/// # Panics
///
/// When it is none.
#[expect(clippy::expect_used, reason = "a fixture that is none is a bug in the test")]
pub fn document(json: &str) -> IcpDocument {
    Icp::from_json(json, Rules::Storable).expect("a fixture is an ICP").into()
}
