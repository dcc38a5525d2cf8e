//! The data of the measurements. `sql/data.sql` generates it.

use anyhow::{Context, Result};
use clap::{Args, value_parser};

/// The amount of data. A team is a group of users who share a list. The last team has `big` ICPs, every other has 5.
#[derive(Args, Clone, Copy, Debug)]
pub(super) struct Size {
    /// ICPs in the database
    #[arg(long, default_value_t = 10_000, value_parser = value_parser!(u64).range(600..=10_000_000))]
    pub(super) icps: u64,
    /// ICPs in the big list
    #[arg(long, default_value_t = 1_000, value_parser = value_parser!(u64).range(100..=1_000_000))]
    pub(super) big: u64,
    /// Users of each ICP
    #[arg(long, default_value_t = 2, value_parser = value_parser!(u64).range(1..=1_000))]
    pub(super) users: u64,
}

impl Size {
    /// Returns the variables of the SQL scripts. The first user of a team sends its requests. `readers` teams from number
    /// 0 on read, and `writers` teams from `writer` on write. pgbench writes ICPs of the teams from `others` on.
    pub(super) fn variables(self) -> Vec<String> {
        let teams = self.icps.saturating_sub(self.big) / 5;
        // PostgreSQL's default buffers are too small for the lists of more than 2,000 teams among a million ICPs.
        let (readers, writer, writers) = ((teams / 2).min(2_000), teams / 2, (teams / 4).min(100));
        let sizes = [("icps", self.icps), ("big", self.big), ("users", self.users), ("teams", teams)];
        let requesters =
            [("readers", readers), ("writer", writer), ("writers", writers), ("others", writer + writers)];
        sizes.iter().chain(&requesters).map(|(name, value)| format!("{name}={value}")).collect()
    }
}

/// A user whose requests are measured.
pub(super) struct User {
    /// `reader`, `writer`, or `big` for the user with the big list.
    pub(super) kind: String,
    pub(super) token: String,
    /// The IDs and texts of the ICPs, in the order of the list.
    pub(super) icps: Vec<(String, String)>,
}

impl User {
    /// Reads a row of the result of `sql/users.sql`. `token` returns the token of a user.
    pub(super) fn read(row: &str, token: impl FnOnce(&str) -> Result<String>) -> Result<Self> {
        let mut columns = row.split('\t').map(str::to_owned);
        let kind = columns.next().context("a row has no kind")?;
        let token = token(&columns.next().context("a row has no user")?)?;
        let mut icps = Vec::new();
        while let (Some(id), Some(json)) = (columns.next(), columns.next()) {
            icps.push((id, json));
        }
        Ok(Self { kind, token, icps })
    }
}

/// Returns the body of a list.
pub(super) fn body(icps: &[(String, String)]) -> String {
    let texts: Vec<_> = icps.iter().map(|(_, json)| json.as_str()).collect();
    format!("[{}]", texts.join(","))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn row_has_a_user_and_the_icps_of_the_user() {
        let user = User::read("big\tuser_1\ta\t{}\tb\t[]", |user| Ok(format!("token of {user}")));
        let user = user.expect("a row");
        assert_eq!((user.kind.as_str(), user.token.as_str()), ("big", "token of user_1"));
        assert_eq!(body(&user.icps), "[{},[]]");
        assert!(User::read("big", |_| Ok(String::new())).is_err());
    }

    #[test]
    fn readers_and_writers_are_different_users() {
        let variables = Size { icps: 600, big: 100, users: 2 }.variables().join(" ");
        let expected = "icps=600 big=100 users=2 teams=100 readers=50 writer=50 writers=25 others=75";
        assert_eq!(variables, expected);
    }
}
