//! Generates POST and PATCH requests from a seed. Most bodies are almost valid.

use std::fmt;

use icp_domain::json::Json;
use icp_domain::limits;
use icp_testkit::generate::proptest::prelude::*;
use icp_testkit::generate::proptest::sample::{select, subsequence};
use icp_testkit::generate::proptest::strategy::ValueTree as _;
use icp_testkit::generate::proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use icp_testkit::generate::{Tree, blanks, mutated, mutations};

use crate::bodies::damage::{apply, damages};
use crate::bodies::values;

/// A valid body with all fields.
pub(crate) const FULL_BODY: &str = concat!(
    r#"{"name":"Full","description":"All of it","#,
    r#""leadProviderCriteria":[{"provider":"baseProvider","type":"company","#,
    r#""filters":{"titles":["CTO"],"size":{"min":1.0}}},{"provider":"baseProvider","filters":{}}],"#,
    r#""customFilterCriteria":["#,
    r#"{"type":"website","provider":"browserUse","prompt":"Do they hire?"},"#,
    r#"{"type":"webscraping","provider":"firecrawl","extractionPrompt":"Products","#,
    r#""pageFindingPrompt":"Shop","includeSearchStrings":["shop","store"],"excludeSearchStrings":["jobs"]},"#,
    r#"{"type":"ai","entityType":"person","prompt":"Is it a buyer?"},"#,
    r#"{"type":"maxPeoplePerCompany","value":2},"#,
    r#"{"type":"maxPercentFromCRM","value":50},"#,
    r#"{"type":"minDaysUntilReuse","value":180},"#,
    r#"{"type":"matchFieldWithRegex","field":"firstName","regex":"^(?!Test)(?<initial>[A-Z])"}],"#,
    r#""crmFilters":{"provider":"bullhorn","textSearch":"Head OR Leit*","#,
    r#""filters":[{"path":"status","mode":"equals","value":["Active",1e2],"exclude":false}],"query":"old"},"#,
    r#""userIds":["user_abc123","user_xyz789"],"leadsPerList":25,"activeUntil":"2030-12-31T23:59:59.000Z"}"#,
);

/// User IDs as JSON strings.
const USER_IDS: &[&str] = &[
    r#""user_creator""#,
    r#""user_a""#,
    r#""user_b""#,
    r#""user_c""#,
    r#""user_d""#,
    r#""USER_A""#,
    r#""\u0075ser_e""#,
    r#""ü""#,
    "\"u\u{308}\"",
    r#""😀""#,
    r#""-x""#,
    r#""'--""#,
    r#""{a,b}""#,
    r#""\"\\""#,
    r#""\u0001""#,
];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Action {
    Post,
    /// A patch of the target with this index.
    Patch(usize),
}

/// A `Content-Type` header.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ContentType {
    pub(crate) text: Option<&'static str>,
    /// True if the header declares JSON in UTF-8.
    pub(crate) is_json: bool,
}

/// An `Idempotency-Key` header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Key {
    None,
    /// A key that no other request uses.
    Unique,
    /// A key that other requests may also use.
    Shared(u8),
    Malformed(&'static str),
}

#[derive(Clone)]
pub(crate) struct Request {
    pub(crate) number: usize,
    pub(crate) action: Action,
    pub(crate) content_type: ContentType,
    pub(crate) key: Key,
    pub(crate) body: Vec<u8>,
}

impl Request {
    /// Returns the value of the `Idempotency-Key` header.
    pub(crate) fn key(&self) -> Option<String> {
        match self.key {
            Key::None => None,
            Key::Unique => Some(format!("\"unique {}\"", self.number)),
            Key::Shared(number) => Some(format!("shared-{number}")),
            Key::Malformed(text) => Some(text.to_owned()),
        }
    }
}

impl fmt::Debug for Request {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { number, action, content_type, key, body } = self;
        writeln!(formatter, "request {number}: {action:?}, {:?}, {key:?}", content_type.text)?;
        write!(formatter, "b\"{}\"", body.escape_ascii())
    }
}

/// Generates POST and PATCH requests alternately. The same seed gives the same requests.
pub(crate) fn requests(seed: u64, count: usize, targets: usize) -> impl Iterator<Item = Request> {
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &[seed.to_le_bytes(); 4].concat());
    let mut runner = TestRunner::new_with_rng(Config::default(), rng);
    let (post_body, patch_body) = (body(base(usize::MAX)), body(base(0)));
    let headers = (content_type(), key());
    (0..count).map(move |number| {
        let (action, strategy) = match number % 2 {
            0 => (Action::Post, &post_body),
            _ => (Action::Patch(number / 2 % targets), &patch_body),
        };
        let generated =
            (strategy, &headers).new_tree(&mut runner).expect("the strategy must generate a value");
        let (body, (content_type, key)) = generated.current();
        Request { number, action, content_type, key, body }
    })
}

/// Generates an object with at least `min_fields` fields of [`FULL_BODY`], or with all fields if there are fewer. If it
/// has `userIds`, they are random.
fn base(min_fields: usize) -> impl Strategy<Value = Tree> {
    let Tree::Object(fields) = Tree::of(Json::parse(FULL_BODY).expect("the text must be JSON")) else {
        unreachable!("`FULL_BODY` is an object")
    };
    let count = fields.len();
    let users = subsequence(USER_IDS, 0..5).prop_shuffle();
    (subsequence(fields, min_fields.min(count)..=count), users).prop_map(|(mut fields, users)| {
        let users = users.into_iter().map(|user| Tree::Scalar(user.to_owned())).collect();
        if let Some((_, value)) = fields.iter_mut().find(|(name, _)| name == r#""userIds""#) {
            *value = Tree::Array(users);
        }
        Tree::Object(fields)
    })
}

/// Generates a body: a changed, damaged or padded `base`.
fn body(base: impl Strategy<Value = Tree> + 'static) -> BoxedStrategy<Vec<u8>> {
    let base = base.boxed();
    let mutated_base = |count| {
        let changes = mutations(count, values::value(), values::name());
        (base.clone(), changes).prop_map(|(tree, changes)| mutated(tree, changes))
    };
    let sizes = select(vec![limits::BODY_BYTES, limits::BODY_BYTES + 1]);
    prop_oneof![
        400 => mutated_base(1..5).prop_map(|tree| tree.compact().into_bytes()),
        100 => (mutated_base(1..5), blanks())
            .prop_map(|(tree, blanks)| tree.spaced(&mut blanks.into_iter().cycle()).into_bytes()),
        200 => (base.clone(), values::replacements())
            .prop_map(|(tree, replacements)| values::with_replacements(tree, replacements).compact().into_bytes()),
        400 => (mutated_base(0..2), damages()).prop_map(|(tree, damages)| apply(tree.compact(), damages)),
        1 => (mutated_base(0..2), sizes).prop_map(|(tree, size)| padded(tree.compact().into_bytes(), size)),
    ]
    .boxed()
}

/// Pads a body with spaces to `size` bytes.
fn padded(mut body: Vec<u8>, size: usize) -> Vec<u8> {
    body.resize(size.max(body.len()), b' ');
    body
}

fn content_type() -> impl Strategy<Value = ContentType> {
    let json_types =
        ["application/json", "application/json; charset=utf-8", "Application/JSON;charset=\"UTF-8\""];
    let other_types = [
        "",
        "*/*",
        "text/plain",
        "text/json",
        "application/jsonx",
        "application/json; charset=utf-16",
        "application/json, text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
    ];
    let json_types = json_types.map(|text| ContentType { text: Some(text), is_json: true });
    let other_types = other_types.map(|text| ContentType { text: Some(text), is_json: false });
    prop_oneof![
        70 => Just(json_types[0]),
        25 => select(json_types.to_vec()),
        4 => select(other_types.to_vec()),
        1 => Just(ContentType { text: None, is_json: false }),
    ]
}

fn key() -> impl Strategy<Value = Key> {
    prop_oneof![
        80 => Just(Key::None),
        12 => Just(Key::Unique),
        4 => (0..8_u8).prop_map(Key::Shared),
        4 => select(vec!["", "\"\"", "two words", "\"open", "a\"b", "\u{e9}"]).prop_map(Key::Malformed),
    ]
}
