//! Tests that the audit finds the same flaws as a recursive implementation, in the same order.

use icp_json::{Audit, FlawKind, Json, Pointer};
use icp_testkit::generate::{Tree, blanks, tree};
use proptest::prelude::*;

use super::cases;

struct RecursiveAudit {
    max_depth: usize,
    flaws: Vec<(Pointer, FlawKind)>,
}

impl RecursiveAudit {
    /// Returns false if the audit ends because a value is nested too deep.
    fn visit(&mut self, tree: &Tree, pointer: &Pointer, depth: usize) -> bool {
        if !matches!(tree, Tree::Scalar(_)) && depth == self.max_depth {
            self.flaws.push((pointer.clone(), FlawKind::TooDeep));
            return false;
        }
        match tree {
            Tree::Scalar(token) => {
                if token.starts_with('"') {
                    self.string(token, pointer);
                }
                true
            }
            Tree::Array(elements) => elements
                .iter()
                .enumerate()
                .all(|(index, element)| self.visit(element, &pointer.element(index), depth + 1)),
            Tree::Object(members) => self.object(members, pointer, depth),
        }
    }

    fn object(&mut self, members: &[(String, Tree)], pointer: &Pointer, depth: usize) -> bool {
        let mut names: Vec<String> = Vec::new();
        for (token, value) in members {
            let name = serde_json::from_str(token).unwrap_or_else(|_| token.clone());
            let pointer = pointer.member(&name);
            self.string(token, &pointer);
            if names.contains(&name) {
                self.flaws.push((pointer.clone(), FlawKind::DuplicateName));
            }
            names.push(name);
            if !self.visit(value, &pointer, depth + 1) {
                return false;
            }
        }
        true
    }

    fn string(&mut self, token: &str, pointer: &Pointer) {
        if token.replace(r"\\", "").contains(r"\u0000") {
            self.flaws.push((pointer.clone(), FlawKind::Nul));
        }
        if serde_json::from_str::<String>(token).is_err() {
            self.flaws.push((pointer.clone(), FlawKind::NotUnicode));
        }
    }
}

proptest! {
    #![proptest_config(cases(1_000))]

    #[test]
    fn audit_agrees_with_recursive_check(tree in tree(), blanks in blanks(), max_depth in 0_usize..6) {
        let mut reference = RecursiveAudit { max_depth, flaws: Vec::new() };
        reference.visit(&tree, &Pointer::default(), 0);
        let text = tree.spaced(&mut blanks.iter().copied().cycle());
        let found: Vec<_> = Audit::new(Json::parse(&text).unwrap(), max_depth).collect();
        prop_assert!(found.is_sorted_by_key(|flaw| flaw.offset), "{}", text);
        let found: Vec<_> = found.into_iter().map(|flaw| (flaw.pointer, flaw.kind)).collect();
        prop_assert_eq!(found, reference.flaws, "{}", text);
    }
}

#[test]
fn array_of_scalars_has_depth_one() {
    let flaws = |text: &str, max_depth| Audit::new(Json::parse(text).unwrap(), max_depth).count();
    assert_eq!(
        [flaws("1", 0), flaws("[]", 0), flaws("[]", 1), flaws("{}", 1), flaws("[[]]", 1), flaws("[[]]", 2)],
        [0, 1, 0, 0, 1, 0]
    );
}
