//! Measures parsing, validation, changes and serialization of an ICP: `cargo bench -p icp-domain`.

#![expect(clippy::unwrap_used, reason = "a bench whose data is wrong must fail")]

use divan::counter::BytesCount;
use divan::{Bencher, black_box};
use icp_domain::{Caller, Icp, IcpChange, IcpDocument, IcpPatch, NewIcp, Rules, Timestamp, UserId};

/// An ICP of typical size, in canonical form.
const ICP: &str = include_str!("icp.json");

const PATCH: &str = r#"{"name": "Manufacturing Leaders", "activeUntil": null, "leadsPerList": 50}"#;

fn main() {
    assert_eq!(icp().to_json(), ICP, "the text is canonical");
    divan::main();
}

fn icp() -> Icp {
    Icp::from_json(ICP, Rules::Strict).unwrap()
}

fn user() -> UserId {
    icp().user_ids.into_iter().next().unwrap()
}

/// The body of a request that creates the same ICP.
fn create_body() -> String {
    let (start, rest) = ICP.split_once(r#""id":"#).unwrap();
    let (_, rest) = rest.split_once(',').unwrap();
    let (middle, rest) = rest.split_once(r#""createdAt":"#).unwrap();
    let (_, rest) = rest.split_once(r#""leadProviderCriteria":"#).unwrap();
    let body = format!(r#"{start}{middle}"leadProviderCriteria":{rest}"#);
    NewIcp::from_json(&body).unwrap();
    body
}

/// Reads an ICP with the rules for stored texts.
#[divan::bench]
fn read_leniently(bencher: Bencher<'_, '_>) {
    bencher.counter(BytesCount::of_str(ICP)).bench(|| Icp::from_json(black_box(ICP), Rules::Stored).unwrap());
}

/// Reads an ICP with the rules for requests.
#[divan::bench]
fn read_strictly(bencher: Bencher<'_, '_>) {
    bencher.counter(BytesCount::of_str(ICP)).bench(|| Icp::from_json(black_box(ICP), Rules::Strict).unwrap());
}

/// Only checks that the text is JSON. A parser that uses `serde_json` cannot be faster than this.
#[divan::bench]
fn parse_json_only(bencher: Bencher<'_, '_>) {
    let parse = || serde_json::from_str::<serde::de::IgnoredAny>(black_box(ICP)).unwrap();
    bencher.counter(BytesCount::of_str(ICP)).bench(parse);
}

#[divan::bench]
fn validate_create(bencher: Bencher<'_, '_>) {
    let body = create_body();
    bencher.counter(BytesCount::of_str(&body)).bench(|| NewIcp::from_json(black_box(&body)).unwrap());
}

#[divan::bench]
fn serialize(bencher: Bencher<'_, '_>) {
    let icp = icp();
    bencher.counter(BytesCount::of_str(ICP)).bench(|| black_box(&icp).to_json());
}

/// Creates the text and the columns of a stored ICP.
#[divan::bench]
fn to_document(bencher: Bencher<'_, '_>) {
    bencher.with_inputs(icp).bench_values(IcpDocument::from);
}

/// Makes a complete change, but does not store it: parses the body and the stored text, applies the patch, and
/// serializes the result.
#[divan::bench]
fn change(bencher: Bencher<'_, '_>) {
    let (by, now) = (Caller::user(user()), Timestamp::UNIX_EPOCH);
    bencher.bench(|| {
        let patch = IcpPatch::from_json(black_box(PATCH), &by).unwrap();
        let before = Icp::from_json(black_box(ICP), Rules::Stored).unwrap();
        let after = patch.apply(&before, &by, now).unwrap().unwrap();
        IcpChange::between(&before, after)
    });
}

/// Applies a parsed patch to a parsed ICP.
#[divan::bench]
fn apply_patch(bencher: Bencher<'_, '_>) {
    let (by, now) = (Caller::user(user()), Timestamp::UNIX_EPOCH);
    let (patch, before) = (IcpPatch::from_json(PATCH, &by).unwrap(), icp());
    bencher.bench(|| patch.apply(black_box(&before), &by, now).unwrap());
}

/// Parses and validates one record of an import, and converts it to a stored document.
#[divan::bench]
fn import_record(bencher: Bencher<'_, '_>) {
    let import = || IcpDocument::from(Icp::from_json(black_box(ICP), Rules::Strict).unwrap());
    bencher.counter(BytesCount::of_str(ICP)).bench(import);
}
