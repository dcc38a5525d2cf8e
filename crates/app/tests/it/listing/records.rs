//! Imports ICPs with numbered IDs, and finds their numbers in responses.

use std::fmt::Write as _;

use icp_testkit::fixtures::IcpBuilder;
use serde_json::Value;

use crate::support::users::User;
use crate::support::{LIST, Response, Service};

/// Returns ICPs as JSON Lines.
pub(crate) fn to_json_lines(icps: impl IntoIterator<Item = IcpBuilder>) -> String {
    icps.into_iter().fold(String::new(), |mut lines, icp| {
        writeln!(lines, "{}", icp.json()).expect("a write to a string must succeed");
        lines
    })
}

impl Service {
    /// Imports ICPs. Unlike a create, an import stores the times of the ICPs.
    #[track_caller]
    pub(crate) fn import_icps(&self, icps: impl IntoIterator<Item = IcpBuilder>) {
        self.import(&to_json_lines(icps), &[]);
    }
}

impl User<'_> {
    /// Requests a list with a query.
    pub(crate) async fn query_list(&self, query: &str) -> Response {
        self.get(&format!("{LIST}?{query}")).await
    }

    /// Returns the numbers of the ICPs that match a query, in the order of the response.
    pub(crate) async fn find(&self, query: &str) -> Vec<u64> {
        self.query_list(query).await.assert_ok().numbers()
    }
}

impl Response {
    /// Returns the ICPs of a list.
    pub(crate) fn icps(&self) -> Vec<Value> {
        serde_json::from_str(&self.body).unwrap_or_else(|_| panic!("the body must be a list: {self:?}"))
    }

    /// Returns the numbers of the ICPs of a list. They are the arguments of [`icp_testkit::fixtures::id`].
    pub(crate) fn numbers(&self) -> Vec<u64> {
        self.icps()
            .iter()
            .map(|icp| number_of(icp["id"].as_str().expect("the ICP must have an ID")))
            .collect()
    }
}

/// Returns the number in an ID. For an ID that the service generated, returns `u64::MAX`.
pub(crate) fn number_of(id: &str) -> u64 {
    let digits: String = id.chars().filter(|character| *character != '-').collect();
    let number = u128::from_str_radix(&digits, 16).expect("the ID must be hexadecimal");
    u64::try_from(number).unwrap_or(u64::MAX)
}
