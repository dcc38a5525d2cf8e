use super::graph::{Dependencies, Names};

/// What a crate may know. A name that is misspelt in a ban bans nothing, so each layer also names what it does
/// reach, and `icp-app` reaches whatever is banned elsewhere.
#[derive(Debug)]
pub(super) struct Layer {
    pub(super) name: &'static str,
    reaches: &'static [&'static str],
    never: &'static [&'static str],
    /// The crates of the workspace that it may reach.
    workspace: &'static [&'static str],
    /// All that its manifest may name, where that is fixed.
    direct: Option<&'static [&'static str]>,
}

const ADAPTERS: &[&str] = &["icp-clerk", "icp-postgres", "icp-sqlite"];
const CORE: &[&str] = &["icp-domain", "icp-ports"];
const COMPOSER: &str = "icp-app";

pub(super) const LAYERS: &[Layer] = &[
    Layer {
        name: "icp-domain",
        reaches: &["serde"],
        never: &["actix-web", "async-trait", "diesel", "jsonwebtoken", "reqwest", "tokio"],
        workspace: &[],
        direct: None,
    },
    Layer {
        name: "icp-ports",
        reaches: &["async-trait", "icp-domain"],
        never: &["actix-web", "diesel", "jsonwebtoken", "reqwest", "tokio"],
        workspace: &["icp-domain"],
        direct: Some(&["async-trait", "icp-domain"]),
    },
    Layer {
        name: "icp-testkit",
        reaches: &["icp-ports", "libtest-mimic"],
        never: &["actix-web", "diesel"],
        workspace: CORE,
        direct: None,
    },
    Layer {
        name: "icp-postgres",
        reaches: &["diesel-async", "icp-ports"],
        never: &["actix-web", "jsonwebtoken"],
        workspace: CORE,
        direct: None,
    },
    Layer {
        name: "icp-sqlite",
        reaches: &["diesel", "icp-ports"],
        never: &["actix-web", "jsonwebtoken"],
        workspace: CORE,
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
            "reqwest",
            "tokio",
        ],
        never: &[],
        workspace: &["icp-clerk", "icp-domain", "icp-ports", "icp-postgres", "icp-sqlite"],
        direct: None,
    },
    Layer {
        name: "xtask",
        reaches: &["icp-testkit"],
        never: &["actix-web", "diesel"],
        workspace: &["icp-domain", "icp-ports", "icp-testkit"],
        direct: None,
    },
];

/// Crates of the workspace that no rule speaks of.
pub(super) fn unknown(members: &Names) -> Vec<String> {
    let without_layer = members.iter().filter(|name| LAYERS.iter().all(|layer| layer.name != *name));
    without_layer.map(|name| format!("{name} has no rule: give it one")).collect()
}

/// What a crate does that its layer does not let it do.
pub(super) fn faults(layer: &Layer, found: &Dependencies, members: &Names) -> Vec<String> {
    let Layer { name, reaches, never, workspace, direct } = layer;
    let allowed = |names: &[&str], one: &str| names.contains(&one);
    let inside = found.reached.intersection(members).filter(|one| !allowed(workspace, one));
    let extra = found.direct.iter().filter(|one| direct.is_some_and(|direct| !allowed(direct, one)));
    let adapters = found.named.iter().filter(|one| *name != COMPOSER && allowed(ADAPTERS, one));

    let missing = reaches.iter().filter(|one| !found.reached.contains(**one));
    let banned = never.iter().filter(|one| found.reached.contains(**one));
    missing
        .map(|one| format!("{name} does not reach {one}: is it still called that?"))
        .chain(
            banned.map(|one| format!("{name} reaches {one}: see `cargo tree -p {name} -e normal -i {one}`")),
        )
        .chain(
            inside.map(|one| format!("{name} reaches {one}, a crate of the workspace that it must not know")),
        )
        .chain(extra.map(|one| format!("{name} depends on {one}, which is not among what it may name")))
        .chain(adapters.map(|one| format!("{name} names the adapter {one}: only {COMPOSER} may")))
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
    fn a_crate_that_keeps_to_its_layer_has_no_faults() {
        assert_eq!(found(&["domain", "serde"], &["domain"], &["domain", "proptest"]), [""; 0]);
    }

    #[test]
    fn each_broken_rule_is_reported() {
        one_fault(&found(&[], &[], &[]), "does not reach domain");
        one_fault(&found(&["domain", "tokio"], &["domain"], &[]), "reaches tokio");
        one_fault(&found(&["domain", "icp-sqlite"], &["domain"], &[]), "must not know");
        one_fault(&found(&["domain", "serde"], &["domain", "serde"], &[]), "depends on serde");
        one_fault(
            &found(&["domain"], &["domain"], &["domain", "icp-sqlite"]),
            "names the adapter icp-sqlite",
        );
    }

    #[test]
    fn a_crate_without_a_rule_is_reported() {
        one_fault(&unknown(&names(&["icp-domain", "icp-new"])), "icp-new");
    }

    #[test]
    fn whatever_is_banned_is_spelt_as_it_is_in_the_composer() {
        let composer = LAYERS.iter().find(|layer| layer.name == COMPOSER).unwrap();
        for name in LAYERS.iter().flat_map(|layer| layer.never).chain(ADAPTERS) {
            assert!(composer.reaches.contains(name), "{name}");
        }
    }
}
