//! Numbered ICPs: imports them, and finds their numbers in responses.

use std::fmt::Write as _;

use icp_testkit::fixtures::IcpBuilder;
use serde_json::Value;

use crate::support::users::User;
use crate::support::{LIST, Response, Service};

/// ICPs as JSON Lines.
pub(crate) fn lines(icps: impl IntoIterator<Item = IcpBuilder>) -> String {
    icps.into_iter().fold(String::new(), |mut lines, icp| {
        writeln!(lines, "{}", icp.json()).expect("a string takes it");
        lines
    })
}

impl Service {
    /// Imports ICPs, with their times.
    #[track_caller]
    pub(crate) fn hold(&self, icps: impl IntoIterator<Item = IcpBuilder>) {
        self.import(&lines(icps), &[]);
    }
}

impl User<'_> {
    /// Requests a list with a query.
    pub(crate) async fn query_list(&self, query: &str) -> Response {
        self.get(&format!("{LIST}?{query}")).await
    }

    /// Returns the numbers of the ICPs that match a query, in the order of the response.
    pub(crate) async fn find(&self, query: &str) -> Vec<u64> {
        self.query_list(query).await.ok().numbers()
    }
}

impl Response {
    /// The ICPs of a list.
    pub(crate) fn icps(&self) -> Vec<Value> {
        serde_json::from_str(&self.body).unwrap_or_else(|_| panic!("it is a list: {self:?}"))
    }

    /// Returns their numbers, as [`icp_testkit::fixtures::id`] writes them.
    pub(crate) fn numbers(&self) -> Vec<u64> {
        self.icps().iter().map(|icp| number_of(icp["id"].as_str().expect("must have an id"))).collect()
    }
}

/// Returns the number in an ID. Generated IDs have large numbers.
pub(crate) fn number_of(id: &str) -> u64 {
    let digits: String = id.chars().filter(|character| *character != '-').collect();
    let number = u128::from_str_radix(&digits, 16).expect("an id is hexadecimal");
    u64::try_from(number).unwrap_or(u64::MAX)
}
