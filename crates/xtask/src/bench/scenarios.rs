//! The scenarios and their baselines.

use self::Target::{Cached, CachedBig, Memory, Peer, Pgbench, Sqlite, Uncached, UncachedBig, WriteDatabase};
use super::requests::RequestKind::{self, Conditional, Create, Get, Mixed, Page, Patch, Small};

/// The server that gets the requests. A process keeps the memory that big lists needed, so they have separate servers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Target {
    Cached,
    CachedBig,
    Uncached,
    UncachedBig,
    /// The service on a separate database, so that the other scenarios read the same data in every round.
    WriteDatabase,
    Sqlite,
    /// A server that returns the same bytes from memory, with actix-web.
    Memory,
    /// The same list in axum and sqlx.
    Peer,
    /// SQL without a service.
    Pgbench,
}

/// Names of scenarios.
type Names = &'static [&'static str];

#[derive(Clone, Copy, Debug)]
pub(super) struct Scenario {
    pub(super) name: &'static str,
    pub(super) target: Target,
    pub(super) request: RequestKind,
    pub(super) connections: u16,
    /// Changes of other ICPs at the same time, per second.
    pub(super) changes: u16,
    /// The scenarios with which this scenario is compared.
    pub(super) baselines: Names,
}

const fn scenario(name: &'static str, target: Target, request: RequestKind, baselines: Names) -> Scenario {
    // pgbench is fastest with few clients, except for writes, which share the wait for the disk.
    let is_read_by_pgbench = matches!(target, Pgbench) && !matches!(request, Create | Patch);
    let connections = if is_read_by_pgbench { 16 } else { 64 };
    Scenario { name, target, request, connections, changes: 0, baselines }
}

const fn with_8_connections(scenario: Scenario) -> Scenario {
    Scenario { connections: 8, ..scenario }
}

const SMALL: Names = &["memory small", "pgbench small", "peer small"];

pub(super) const ALL: [Scenario; 27] = [
    scenario("small", Cached, Small, SMALL),
    with_8_connections(scenario("small, 8 connections", Cached, Small, &["peer small, 8 connections"])),
    Scenario { changes: 100, ..scenario("small, 100 changes/s", Cached, Small, SMALL) },
    scenario("small, no cache", Uncached, Small, SMALL),
    scenario("big", CachedBig, RequestKind::Big, &["memory big", "peer big"]),
    scenario("big, no cache", UncachedBig, RequestKind::Big, &["memory big", "peer big"]),
    scenario("mixed", CachedBig, Mixed, &["peer mixed"]),
    scenario("mixed, no cache", UncachedBig, Mixed, &["peer mixed"]),
    scenario("page", Cached, Page, &[]),
    scenario("conditional", Cached, Conditional, &["pgbench conditional"]),
    scenario("get", Cached, Get, &["pgbench get"]),
    scenario("create", WriteDatabase, Create, &["pgbench create"]),
    scenario("patch", WriteDatabase, Patch, &["pgbench patch"]),
    scenario("small, after writes", WriteDatabase, Small, &["pgbench small"]),
    scenario("SQLite small", Sqlite, Small, &["memory small"]),
    scenario("SQLite big", Sqlite, RequestKind::Big, &["memory big"]),
    scenario("memory small", Memory, Small, &[]),
    scenario("memory big", Memory, RequestKind::Big, &[]),
    scenario("pgbench small", Pgbench, Small, &[]),
    scenario("pgbench conditional", Pgbench, Conditional, &[]),
    scenario("pgbench get", Pgbench, Get, &[]),
    scenario("pgbench create", Pgbench, Create, &[]),
    scenario("pgbench patch", Pgbench, Patch, &[]),
    scenario("peer small", Peer, Small, &[]),
    with_8_connections(scenario("peer small, 8 connections", Peer, Small, &[])),
    scenario("peer big", Peer, RequestKind::Big, &[]),
    scenario("peer mixed", Peer, Mixed, &[]),
];

/// Returns the scenarios whose names contain one of the words, and their baselines. Without words, returns all.
pub(super) fn select(words: &[String], with_peer: bool) -> Vec<Scenario> {
    let is_named = |scenario: &&Scenario| {
        words.is_empty() || words.iter().any(|word| scenario.name.contains(word.as_str()))
    };
    let baselines: Vec<_> = ALL.iter().filter(is_named).flat_map(|scenario| scenario.baselines).collect();
    let selected = ALL.iter().filter(|scenario| is_named(scenario) || baselines.contains(&&scenario.name));
    selected.filter(|scenario| with_peer || scenario.target != Peer).copied().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_baseline_is_a_scenario() {
        for name in ALL.iter().flat_map(|scenario| scenario.baselines) {
            assert!(ALL.iter().any(|other| other.name == *name && other.baselines.is_empty()), "{name}");
        }
    }

    #[test]
    fn selected_scenarios_include_their_baselines() {
        let names = |words: &[&str], peer| -> Vec<_> {
            let words: Vec<_> = words.iter().map(ToString::to_string).collect();
            select(&words, peer).iter().map(|scenario| scenario.name).collect()
        };
        assert_eq!(names(&["get"], true), ["get", "pgbench get"]);
        assert_eq!(names(&["mixed"], true).len(), 3);
        assert_eq!(names(&["mixed"], false), ["mixed", "mixed, no cache"]);
        assert_eq!(names(&[], true).len(), ALL.len());
    }
}
