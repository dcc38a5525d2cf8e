//! The scenarios and their limits.

use self::On::{Big, Cached, Memory, Peer, Pgbench, Sqlite, Uncached, UncachedBig, Written};
use super::requests::What::{self, Conditional, Create, Get, Mixed, Page, Patch, Small};

/// The target of requests. A process does not release the memory of big lists, so they have separate processes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum On {
    Cached,
    Big,
    Uncached,
    UncachedBig,
    /// A separate database, so that other scenarios read the same data in every round.
    Written,
    Sqlite,
    /// The same bytes from memory, by actix-web.
    Memory,
    /// axum and sqlx.
    Peer,
    /// SQL without a service.
    Pgbench,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Scenario {
    pub(super) name: &'static str,
    pub(super) on: On,
    pub(super) what: What,
    pub(super) connections: u16,
    /// Changes of other ICPs at the same time, per second.
    pub(super) changes: u16,
    /// Names of the limits.
    pub(super) limits: &'static [&'static str],
}

const fn of(name: &'static str, on: On, what: What, limits: &'static [&'static str]) -> Scenario {
    // pgbench is fastest with few clients, except for writes, which share the wait for the disk.
    let few = matches!(on, Pgbench) && !matches!(what, Create | Patch);
    Scenario { name, on, what, connections: if few { 16 } else { 64 }, changes: 0, limits }
}

const SMALL: &[&str] = &["memory small", "pgbench small", "peer small"];

pub(super) const ALL: [Scenario; 27] = [
    of("small", Cached, Small, SMALL),
    Scenario { connections: 8, ..of("small, 8 connections", Cached, Small, &["peer small, 8 connections"]) },
    Scenario { changes: 100, ..of("small, 100 changes/s", Cached, Small, SMALL) },
    of("small, no cache", Uncached, Small, SMALL),
    of("big", Big, What::Big, &["memory big", "peer big"]),
    of("big, no cache", UncachedBig, What::Big, &["memory big", "peer big"]),
    of("mixed", Big, Mixed, &["peer mixed"]),
    of("mixed, no cache", UncachedBig, Mixed, &["peer mixed"]),
    of("page", Cached, Page, &[]),
    of("conditional", Cached, Conditional, &["pgbench conditional"]),
    of("get", Cached, Get, &["pgbench get"]),
    of("create", Written, Create, &["pgbench create"]),
    of("patch", Written, Patch, &["pgbench patch"]),
    of("small, after writes", Written, Small, &["pgbench small"]),
    of("SQLite small", Sqlite, Small, &["memory small"]),
    of("SQLite big", Sqlite, What::Big, &["memory big"]),
    of("memory small", Memory, Small, &[]),
    of("memory big", Memory, What::Big, &[]),
    of("pgbench small", Pgbench, Small, &[]),
    of("pgbench conditional", Pgbench, Conditional, &[]),
    of("pgbench get", Pgbench, Get, &[]),
    of("pgbench create", Pgbench, Create, &[]),
    of("pgbench patch", Pgbench, Patch, &[]),
    of("peer small", Peer, Small, &[]),
    Scenario { connections: 8, ..of("peer small, 8 connections", Peer, Small, &[]) },
    of("peer big", Peer, What::Big, &[]),
    of("peer mixed", Peer, Mixed, &[]),
];

/// Returns the scenarios whose names contain one of the words, with their limits. No words: all scenarios.
pub(super) fn chosen(words: &[String], peer: bool) -> Vec<Scenario> {
    let named = |scenario: &&Scenario| {
        words.is_empty() || words.iter().any(|word| scenario.name.contains(word.as_str()))
    };
    let limits: Vec<_> = ALL.iter().filter(named).flat_map(|scenario| scenario.limits).collect();
    let chosen = ALL.iter().filter(|scenario| named(scenario) || limits.contains(&&scenario.name));
    chosen.filter(|scenario| peer || scenario.on != Peer).copied().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_limit_is_a_scenario() {
        for limit in ALL.iter().flat_map(|scenario| scenario.limits) {
            assert!(ALL.iter().any(|other| other.name == *limit && other.limits.is_empty()), "{limit}");
        }
    }

    #[test]
    fn chosen_scenarios_come_with_their_limits() {
        let names = |words: &[&str], peer| -> Vec<_> {
            let words: Vec<_> = words.iter().map(ToString::to_string).collect();
            chosen(&words, peer).iter().map(|scenario| scenario.name).collect()
        };
        assert_eq!(names(&["get"], true), ["get", "pgbench get"]);
        assert_eq!(names(&["mixed"], true).len(), 3);
        assert_eq!(names(&["mixed"], false), ["mixed", "mixed, no cache"]);
        assert_eq!(names(&[], true).len(), ALL.len());
    }
}
