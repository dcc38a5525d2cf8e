//! What is measured, and what each is compared with.

use super::pgbench::Script;
use super::requests::What;

/// The servers that are asked. Big lists have a server of their own each: the memory that they take stays with it. Writes have
/// a database of their own, so that what is read is the same in every round.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum On {
    Postgres,
    /// One that keeps no list.
    PostgresForgetful,
    PostgresBig,
    PostgresWritten,
    Sqlite,
    SqliteBig,
    Memory,
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Work {
    Requests { on: On, what: What, connections: u16 },
    Pgbench { script: Script, clients: u16 },
    Import,
    Copy,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Scenario {
    pub(super) name: &'static str,
    pub(super) work: Work,
    /// The names of those that it is compared with. Those that are compared with none are limits.
    pub(super) limits: &'static [&'static str],
    /// How many ICPs somebody else changes meanwhile, a second.
    pub(super) writes: u16,
}

impl Scenario {
    const fn beside(self, writes: u16) -> Self {
        Self { writes, ..self }
    }
}

const fn scenario(name: &'static str, work: Work, limits: &'static [&'static str]) -> Scenario {
    Scenario { name, work, limits, writes: 0 }
}

const fn requests(
    name: &'static str,
    on: On,
    what: What,
    connections: u16,
    limits: &'static [&'static str],
) -> Scenario {
    scenario(name, Work::Requests { on, what, connections }, limits)
}

/// Reads are fastest with some clients, and writes with many, for they wait for the disk together.
const fn pgbench(name: &'static str, script: Script, clients: u16) -> Scenario {
    scenario(name, Work::Pgbench { script, clients }, &[])
}

pub(super) const SCENARIOS: [Scenario; 22] = [
    requests("small", On::Postgres, What::Small, 64, &["pgbench small", "memory small"]),
    requests("small, 8 connections", On::Postgres, What::Small, 8, &["pgbench small", "memory small"]),
    // What is kept of lists and their versions is of use for as long as nobody writes.
    requests("small, beside writes", On::Postgres, What::Small, 64, &["pgbench small", "memory small"])
        .beside(100),
    requests(
        "small, nothing kept",
        On::PostgresForgetful,
        What::Small,
        64,
        &["pgbench small", "memory small"],
    ),
    requests("big", On::PostgresBig, What::Big, 64, &["memory big"]),
    requests("small with 2% big", On::PostgresBig, What::Mixed, 64, &[]),
    requests("conditional", On::Postgres, What::Conditional, 64, &["pgbench conditional"]),
    requests("get", On::Postgres, What::Get, 64, &["pgbench get"]),
    requests("create", On::PostgresWritten, What::Create, 64, &["pgbench create"]),
    requests("patch", On::PostgresWritten, What::Patch, 64, &["pgbench patch"]),
    // A few users have most of the ICPs by then, which is what makes databases change their plans.
    requests("small, after writes", On::PostgresWritten, What::Small, 64, &["pgbench small"]),
    requests("SQLite small", On::Sqlite, What::Small, 64, &["memory small"]),
    requests("SQLite big", On::SqliteBig, What::Big, 64, &["memory big"]),
    scenario("import", Work::Import, &["COPY"]),
    requests("memory small", On::Memory, What::SmallBytes, 64, &[]),
    requests("memory big", On::Memory, What::BigBytes, 64, &[]),
    pgbench("pgbench small", Script::Small, 16),
    pgbench("pgbench conditional", Script::Conditional, 16),
    pgbench("pgbench get", Script::Get, 16),
    pgbench("pgbench create", Script::Create, 64),
    pgbench("pgbench patch", Script::Patch, 64),
    scenario("COPY", Work::Copy, &[]),
];

/// Those whose names hold one of the words, with what they are compared with; all where there are no words.
pub(super) fn chosen(words: &[String]) -> Vec<Scenario> {
    let named = |scenario: &&Scenario| {
        words.is_empty() || words.iter().any(|word| scenario.name.contains(word.as_str()))
    };
    let limits: Vec<_> = SCENARIOS.iter().filter(named).flat_map(|scenario| scenario.limits).collect();
    SCENARIOS.iter().filter(|scenario| named(scenario) || limits.contains(&&scenario.name)).copied().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_limit_is_measured() {
        for scenario in SCENARIOS {
            for limit in scenario.limits {
                assert!(
                    SCENARIOS.iter().any(|other| other.name == *limit && other.limits.is_empty()),
                    "{limit}"
                );
            }
        }
    }

    #[test]
    fn who_chooses_one_gets_its_limits_too() {
        let names = |words: &[&str]| -> Vec<_> {
            let words: Vec<_> = words.iter().map(ToString::to_string).collect();
            chosen(&words).iter().map(|scenario| scenario.name).collect()
        };
        assert_eq!(names(&["import"]), ["import", "COPY"]);
        assert_eq!(names(&[]).len(), SCENARIOS.len());
    }
}
