//! ICPs, users and stamps for tests.

use std::sync::LazyLock;

use icp_domain::{Caller, Icp, IcpDocument, IcpId, Rules, Source, Timestamp, UserId};
use icp_ports::{Creator, Quota, Stamp};
use serde_json::{Value, json};
use uuid::Uuid;

/// The example list of the API's reference. A test of `icp-domain` compares it with the reference.
pub const EXAMPLE_LIST: &str = include_str!("../../../docs/reference/contract/example-list-icps.json");

/// Returns the ID that represents `number`.
pub fn id(number: u128) -> IcpId {
    Uuid::from_u128(number).into()
}

/// Returns a user ID.
///
/// # Panics
///
/// If `text` is empty.
#[expect(clippy::expect_used, reason = "an invalid fixture is a bug in the test")]
pub fn user(text: &str) -> UserId {
    text.try_into().expect("a fixture's user ID must not be empty")
}

/// Returns the creator `user_ada` with an unlimited quota.
pub fn any_creator() -> &'static Creator {
    static ANY_CREATOR: LazyLock<Creator> = LazyLock::new(|| creator("user_ada", Quota::UNLIMITED));
    &ANY_CREATOR
}

/// Returns a creator who uses the API.
///
/// # Panics
///
/// If the user ID is empty.
pub fn creator(user_id: &str, quota: Quota) -> Creator {
    Creator { user_id: user(user_id), actor: None, source: Source::Api, quota }
}

/// Returns the stamp of a change by a user of the API. The history stores the replaced state.
///
/// # Panics
///
/// If the user ID is empty.
pub fn stamp(user_id: &str, at: Timestamp) -> Stamp {
    Stamp { at, author: Caller::user(user(user_id)).author(), keeps_replaced: true }
}

/// Returns the stamp of a change by `user_ada` in 1970. The history does not store the replaced state.
pub fn stamp_without_history() -> &'static Stamp {
    static WITHOUT_HISTORY: LazyLock<Stamp> =
        LazyLock::new(|| Stamp { keeps_replaced: false, ..stamp("user_ada", Timestamp::UNIX_EPOCH) });
    &WITHOUT_HISTORY
}

/// Builds an ICP. Properties that are not set have valid values.
#[derive(Clone, Debug)]
pub struct IcpBuilder(Value);

/// Returns a builder for an ICP of the user `user_ada`. The ID of the ICP is [`id`]`(number)`.
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
    /// Sets a property of the JSON.
    #[must_use]
    pub fn with(mut self, property: &str, value: impl Into<Value>) -> Self {
        if let Value::Object(properties) = &mut self.0 {
            properties.insert(property.to_owned(), value.into());
        }
        self
    }

    /// Sets `userIds`.
    #[must_use]
    pub fn users<const N: usize>(self, users: [&str; N]) -> Self {
        self.with("userIds", users.to_vec())
    }

    /// Sets `createdAt`.
    #[must_use]
    pub fn created_at(self, time: &str) -> Self {
        self.with("createdAt", time)
    }

    /// Returns the JSON, which is not in canonical form.
    pub fn json(&self) -> String {
        self.0.to_string()
    }

    /// Returns the document that is stored for this ICP.
    ///
    /// # Panics
    ///
    /// As in [`document`].
    pub fn document(&self) -> IcpDocument {
        document(&self.json())
    }
}

/// Returns the document that is stored for the ICP in `json`, by the rules for lenient imports.
///
/// # Panics
///
/// If these rules refuse `json`.
#[expect(clippy::expect_used, reason = "an invalid fixture is a bug in the test")]
pub fn document(json: &str) -> IcpDocument {
    Icp::from_json(json, Rules::Storable).expect("a fixture must be an ICP").into()
}
