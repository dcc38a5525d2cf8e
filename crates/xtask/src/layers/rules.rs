use super::graph::{Dependencies, Names};

/// What a crate may depend on.
///
/// A misspelt name in `never` bans nothing. So every name there must be in `reaches` of `icp-app`, which is checked.
#[derive(Debug)]
pub(super) struct Layer {
    pub(super) name: &'static str,
    /// The dependencies, direct or not, that it must have.
    reaches: &'static [&'static str],
    /// The dependencies, direct or not, that it must not have.
    never: &'static [&'static str],
    /// The crates of the workspace that it may depend on, directly or not.
    workspace: &'static [&'static str],
    /// The direct dependencies that it may have, if they are fixed.
    direct: Option<&'static [&'static str]>,
}

const ADAPTERS: &[&str] = &["icp-clerk", "icp-postgres", "icp-sqlite"];
const CORE: &[&str] = &["icp-domain", "icp-json", "icp-ports"];
const STORAGE: &[&str] = &["icp-domain", "icp-json", "icp-ports", "icp-storage"];
const COMPOSER: &str = "icp-app";

pub(super) const LAYERS: &[Layer] = &[
    Layer {
        name: "icp-json",
        reaches: &["serde"],
        never: &["actix-web", "async-trait", "diesel", "jsonwebtoken", "reqwest", "tokio"],
        workspace: &[],
        direct: Some(&["bytes", "serde", "serde_json", "thiserror"]),
    },
    Layer {
        name: "icp-domain",
        reaches: &["icp-json", "serde"],
        never: &["actix-web", "async-trait", "diesel", "jsonwebtoken", "reqwest", "tokio"],
        workspace: &["icp-json"],
        direct: None,
    },
    Layer {
        name: "icp-ports",
        reaches: &["async-trait", "icp-domain"],
        never: &["actix-web", "diesel", "jsonwebtoken", "reqwest", "tokio"],
        workspace: &["icp-domain", "icp-json"],
        direct: Some(&["async-trait", "bytes", "icp-domain", "thiserror"]),
    },
    Layer {
        name: "icp-application",
        reaches: &["icp-ports", "tokio"],
        never: &["actix-web", "diesel", "jsonwebtoken", "prometheus-client", "reqwest"],
        workspace: CORE,
        direct: None,
    },
    Layer {
        name: "icp-development",
        reaches: &["icp-ports", "jsonwebtoken"],
        never: &["actix-web", "diesel", "reqwest"],
        workspace: CORE,
        direct: None,
    },
    Layer {
        name: "icp-files",
        reaches: &["icp-ports"],
        never: &["actix-web", "diesel", "jsonwebtoken", "reqwest"],
        workspace: CORE,
        direct: None,
    },
    Layer {
        name: "icp-observability",
        reaches: &["icp-ports", "prometheus-client"],
        never: &["actix-web", "diesel", "jsonwebtoken"],
        workspace: CORE,
        direct: None,
    },
    Layer {
        name: "icp-storage",
        reaches: &["icp-ports"],
        never: &["actix-web", "diesel", "jsonwebtoken", "reqwest", "tokio"],
        workspace: CORE,
        direct: None,
    },
    Layer {
        name: "icp-testkit",
        reaches: &["icp-ports", "icp-storage", "libtest-mimic"],
        never: &["actix-web", "diesel", "tokio-postgres"],
        workspace: STORAGE,
        direct: None,
    },
    Layer {
        name: "icp-test-postgres",
        reaches: &["tokio-postgres"],
        never: &["actix-web", "diesel"],
        workspace: &[],
        direct: None,
    },
    Layer {
        name: "icp-postgres-connection",
        reaches: &["diesel-async", "tokio-postgres"],
        never: &["actix-web", "jsonwebtoken"],
        workspace: &[],
        direct: None,
    },
    Layer {
        name: "icp-postgres",
        reaches: &["diesel-async", "icp-ports"],
        never: &["actix-web", "jsonwebtoken"],
        workspace: &["icp-domain", "icp-json", "icp-ports", "icp-postgres-connection", "icp-storage"],
        direct: None,
    },
    Layer {
        name: "icp-sqlite",
        reaches: &["diesel", "icp-ports"],
        never: &["actix-web", "jsonwebtoken"],
        workspace: STORAGE,
        direct: None,
    },
    Layer {
        name: "icp-clerk",
        reaches: &["aws-lc-rs", "icp-ports"],
        never: &["actix-web", "diesel"],
        workspace: CORE,
        direct: None,
    },
    Layer {
        name: COMPOSER,
        reaches: &[
            "actix-web",
            "async-trait",
            "diesel",
            "icp-clerk",
            "icp-postgres",
            "icp-sqlite",
            "jsonwebtoken",
            "prometheus-client",
            "reqwest",
            "tokio",
            "tokio-postgres",
        ],
        never: &[],
        workspace: &[
            "icp-application",
            "icp-clerk",
            "icp-development",
            "icp-domain",
            "icp-files",
            "icp-json",
            "icp-observability",
            "icp-ports",
            "icp-postgres",
            "icp-postgres-connection",
            "icp-sqlite",
            "icp-storage",
        ],
        direct: None,
    },
    Layer {
        name: "from-memory",
        reaches: &["actix-web"],
        never: &["diesel", "jsonwebtoken", "reqwest"],
        workspace: &[],
        direct: Some(&["actix-web"]),
    },
    Layer {
        name: "xtask",
        reaches: &["icp-test-postgres"],
        never: &["actix-web", "diesel"],
        workspace: &["icp-domain", "icp-json", "icp-ports", "icp-test-postgres"],
        direct: None,
    },
];

/// Returns a fault for each crate of the workspace that has no rule.
pub(super) fn unknown(members: &Names) -> Vec<String> {
    let without_layer = members.iter().filter(|name| LAYERS.iter().all(|layer| layer.name != *name));
    without_layer.map(|name| format!("{name} has no rule: add one to LAYERS")).collect()
}

/// Returns the rules of its layer that a crate breaks.
pub(super) fn faults(layer: &Layer, found: &Dependencies, members: &Names) -> Vec<String> {
    let Layer { name, reaches, never, workspace, direct } = layer;
    let allowed = |names: &[&str], one: &str| names.contains(&one);
    let inside = found.reached.intersection(members).filter(|one| !allowed(workspace, one));
    let extra = found.direct.iter().filter(|one| direct.is_some_and(|direct| !allowed(direct, one)));
    let adapters = found.named.iter().filter(|one| *name != COMPOSER && allowed(ADAPTERS, one));

    let missing = reaches.iter().filter(|one| !found.reached.contains(**one));
    let banned = never.iter().filter(|one| found.reached.contains(**one));
    missing
        .map(|one| format!("{name} does not reach {one}: is it renamed?"))
        .chain(
            banned.map(|one| format!("{name} reaches {one}: see `cargo tree -p {name} -e normal -i {one}`")),
        )
        .chain(inside.map(|one| format!("{name} reaches {one}, which its rule does not allow")))
        .chain(extra.map(|one| {
            format!("{name} depends on {one}, which its rule does not allow as a direct dependency")
        }))
        .chain(adapters.map(|one| format!("{name} names the adapter {one}, which only {COMPOSER} may do")))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const LAYER: Layer = Layer {
        name: "ports",
        reaches: &["domain"],
        never: &["tokio"],
        workspace: &["domain"],
        direct: Some(&["domain"]),
    };

    fn names(names: &[&str]) -> Names {
        names.iter().map(ToString::to_string).collect()
    }

    fn found(reached: &[&str], direct: &[&str], named: &[&str]) -> Vec<String> {
        let found = Dependencies { reached: names(reached), direct: names(direct), named: names(named) };
        faults(&LAYER, &found, &names(&["ports", "domain", "icp-sqlite"]))
    }

    #[track_caller]
    fn one_fault(faults: &[String], part: &str) {
        assert!(matches!(faults, [fault] if fault.contains(part)), "{faults:?}");
    }

    #[test]
    fn crate_within_its_rules_has_no_faults() {
        assert_eq!(found(&["domain", "serde"], &["domain"], &["domain", "proptest"]), [""; 0]);
    }

    #[test]
    fn each_broken_rule_is_reported() {
        one_fault(&found(&[], &[], &[]), "does not reach domain");
        one_fault(&found(&["domain", "tokio"], &["domain"], &[]), "reaches tokio");
        one_fault(&found(&["domain", "icp-sqlite"], &["domain"], &[]), "reaches icp-sqlite");
        one_fault(&found(&["domain", "serde"], &["domain", "serde"], &[]), "depends on serde");
        one_fault(
            &found(&["domain"], &["domain"], &["domain", "icp-sqlite"]),
            "names the adapter icp-sqlite",
        );
    }

    #[test]
    fn crate_without_rule_is_reported() {
        one_fault(&unknown(&names(&["icp-domain", "icp-new"])), "icp-new");
    }

    #[test]
    fn composer_reaches_every_banned_crate() {
        let composer = LAYERS.iter().find(|layer| layer.name == COMPOSER).unwrap();
        for name in LAYERS.iter().flat_map(|layer| layer.never).chain(ADAPTERS) {
            assert!(composer.reaches.contains(name), "{name}");
        }
    }
}
