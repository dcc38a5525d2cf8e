//! Generators of random JSON from the testkit, and of mutations with values near the limits of this crate.

use icp_testkit::generate;
use proptest::prelude::*;
use proptest::sample::{Index, select};

pub(crate) use generate::{Mutation, Tree, blanks, mutated, object, tree};

const NEAR_LIMITS: &[&str] = &[
    r#""""#,
    "0",
    "1",
    "100",
    "101",
    "10.0",
    "1e1",
    "null",
    "[]",
    "{}",
    r#""2024-01-15T10:30:00+01:00""#,
    r#""person""#,
    r#""(""#,
];

pub(crate) fn mutations() -> impl Strategy<Value = Vec<(Index, Mutation)>> {
    let near = select(NEAR_LIMITS).prop_map(|text| Tree::Scalar(text.to_owned()));
    generate::mutations(0..4, prop_oneof![3 => near, 1 => tree()], generate::name())
}
