//! Bodies of up to 1 MiB that are as expensive to parse as possible.

use icp_domain::limits;
use serde_json::json;

/// A label and a body.
pub(crate) type LabelledBody = (&'static str, String);

/// The length in bytes that a body with a few small fields can still use.
const FREE_BYTES: usize = limits::BODY_BYTES - 300;

/// Returns invalid bodies.
pub(crate) fn invalid_bodies() -> Vec<LabelledBody> {
    check_lengths(
        [invalid_regexes(limits::CUSTOM_FILTERS), invalid_structures(), invalid_fields(), invalid_values()]
            .concat(),
    )
}

/// Returns valid bodies.
pub(crate) fn valid_bodies() -> Vec<LabelledBody> {
    check_lengths([valid_regexes(limits::CUSTOM_FILTERS), valid_fields()].concat())
}

fn check_lengths(bodies: Vec<LabelledBody>) -> Vec<LabelledBody> {
    for (label, body) in &bodies {
        assert!(body.len() <= limits::BODY_BYTES, "{label} has {} bytes", body.len());
    }
    bodies
}

/// Returns a valid body with one additional field.
fn body_with(field: &str, value: &str) -> String {
    format!(r#"{{"name":"x","leadProviderCriteria":[],"{field}":{value}}}"#)
}

/// Returns a body with `value` in the filters of a provider, where any JSON is valid.
fn body_with_json(value: &str) -> String {
    format!(
        r#"{{"name":"x","leadProviderCriteria":[{{"provider":"baseProvider","filters":{{"a":{value}}}}}]}}"#
    )
}

/// Repeats a text so that the result has about `bytes` bytes.
fn repeat_to_length(part: &str, bytes: usize) -> String {
    part.repeat(bytes / part.len())
}

/// Returns an array with `count` copies of a text.
fn repeated_array(part: &str, count: usize) -> String {
    format!("[{}]", vec![part; count].join(","))
}

fn nested(open: &str, inner: &str, close: &str, depth: usize) -> String {
    format!("{}{inner}{}", open.repeat(depth), close.repeat(depth))
}

/// Concatenates the texts that `form` returns for the numbers from 0 to `groups - 1`.
fn numbered_groups(groups: usize, form: fn(usize) -> String) -> String {
    (0..groups).map(form).collect()
}

/// Returns one body per regular expression, with `count` filters that contain the expression.
fn bodies_with_regexes(regexes: &[(&'static str, String)], count: usize) -> Vec<LabelledBody> {
    let body = |regex: &str| {
        assert!(
            (750..=limits::REGEX).contains(&regex.len()),
            "the regular expression has {} bytes: {regex}",
            regex.len()
        );
        let filter = json!({"type": "matchFieldWithRegex", "field": "firstName", "regex": regex});
        body_with("customFilterCriteria", &repeated_array(&filter.to_string(), count))
    };
    regexes.iter().map(|(label, regex)| (*label, body(regex))).collect()
}

pub(crate) fn valid_regexes(count: usize) -> Vec<LabelledBody> {
    let regexes = [
        ("nested quantifiers", nested("(", &"a".repeat(240), ")*", 240)),
        ("nested lazy quantifiers", nested("(?:", &"a".repeat(100), "+?)", 140)),
        ("nested counts", nested("(", "a", "){1,999}", 110)),
        ("counts of large character classes", repeat_to_length(r"[^\W\d]{1,9999}", 1_000)),
        ("back references to all groups", repeat_to_length(r"(a*)+\1\2\3", 1_000)),
        ("forward references by name", numbered_groups(60, |number| format!(r"\k<a{number}>(?<a{number}>)"))),
        ("nested lookarounds", nested("(?<!(?=", &"a".repeat(10), "))", 110)),
        ("lookbehinds for alternatives", repeat_to_length("(?<=a|b*)", 1_000)),
        ("empty alternatives", "|".repeat(1_000)),
        ("nested alternatives", nested("(a|", &"b".repeat(50), ")+", 190)),
        ("optional repetitions", "a?".repeat(333) + &"a".repeat(333)),
        ("character classes of all characters", repeat_to_length(r"[\s\S\w\W\d\D\u0000-\uffff]", 1_000)),
    ];
    bodies_with_regexes(&regexes, count)
}

pub(crate) fn invalid_regexes(count: usize) -> Vec<LabelledBody> {
    let regexes = [
        (
            "a reference to an undefined group",
            numbered_groups(100, |number| format!("(?<a{number}>)")) + r"\k<none>",
        ),
        ("too deeply nested groups", nested("(", "", ")", 500)),
        ("unclosed character classes", "[".repeat(1_000)),
        ("an error at the end", nested("(", &"a".repeat(270), ")*", 240) + "("),
    ];
    bodies_with_regexes(&regexes, count)
}

/// Returns a body with the maximum number of users. The IDs begin with `start`, except the ID of the creator.
pub(crate) fn many_users(start: &str) -> String {
    let rest = "x".repeat(90);
    let ids = (1..limits::USERS).map(|number| format!("{start}{number:05}{rest}"));
    let ids: Vec<_> = ids.chain(["user_ada".to_owned()]).collect();
    body_with("userIds", &json!(ids).to_string())
}

/// Returns JSON that fills a body.
fn large_array() -> String {
    repeated_array(r#"{"b":[1.0,"c"]}"#, FREE_BYTES / 16)
}

/// Returns a body with the maximum amount of JSON in the filters of a provider.
pub(crate) fn large_json() -> String {
    body_with_json(&large_array())
}

/// Returns a patch with the maximum amount of JSON in a CRM condition.
pub(crate) fn large_crm_json() -> String {
    let condition = format!(r#"{{"path":"a","mode":"b","value":{}}}"#, large_array());
    format!(r#"{{"crmFilters":{{"provider":"bullhorn","filters":[{condition}]}}}}"#)
}

/// Returns `count` properties with different names.
fn distinct_properties(count: usize) -> String {
    (0..count).map(|number| format!(r#""k{number}":0"#)).collect::<Vec<_>>().join(",")
}

/// Returns nested arrays with the maximum depth. They are within five other levels: the body, the array of criteria, a
/// criterion, its filters, and an array.
fn deepest_array() -> String {
    nested("[", "", "]", limits::NESTING - 5)
}

fn valid_fields() -> Vec<LabelledBody> {
    let deep = deepest_array();
    let zeros = "0".repeat(FREE_BYTES);
    vec![
        ("many users", many_users("a")),
        ("many users with characters of four bytes", many_users("a").replace("xxxx", "😀")),
        (
            "many arrays with the maximum depth",
            body_with_json(&repeated_array(&deep, FREE_BYTES / (deep.len() + 1))),
        ),
        ("empty arrays", body_with_json(&repeated_array("[]", FREE_BYTES / 3))),
        ("many different names", body_with_json(&format!("{{{}}}", distinct_properties(75_000)))),
        ("much white space", " \n\t\r".repeat(FREE_BYTES / 4) + &body_with_json("0")),
        (
            "escapes in the filters of a provider",
            body_with_json(&format!(r#""{}""#, repeat_to_length(r"\u00e9", FREE_BYTES))),
        ),
        (
            "a number of a million digits in the filters of a provider",
            body_with_json(&"7".repeat(FREE_BYTES)),
        ),
        ("the number ten with a million digits", body_with("leadsPerList", &format!("10.{zeros}"))),
        (
            "the number ten with an exponent",
            body_with("leadsPerList", &format!("0.{zeros}1e{}", FREE_BYTES + 2)),
        ),
        (
            "a time with a million digits",
            body_with("activeUntil", &format!(r#""2030-01-01T00:00:00.{zeros}Z""#)),
        ),
    ]
}

fn invalid_structures() -> Vec<LabelledBody> {
    let deep = deepest_array();
    let too_deep_at_end = format!("[{}[{deep}]]", repeat_to_length("0,", FREE_BYTES - deep.len()));
    let long_name = format!(r#"{{"{}":"#, "n".repeat(15_000));
    vec![
        ("too deep at the end", body_with_json(&too_deep_at_end)),
        ("far too deep", body_with_json(&nested("[", "", "]", FREE_BYTES / 2))),
        ("unclosed arrays", "[".repeat(FREE_BYTES)),
        ("unclosed objects", repeat_to_length(r#"{"a":"#, FREE_BYTES)),
        ("an unclosed string", format!(r#"{{"name":"{}"#, "x".repeat(FREE_BYTES))),
        ("a million commas", format!("[{}]", ",".repeat(1_000_000))),
        ("a million commas in a text", body_with("description", &format!("\"{}\"", ",".repeat(1_000_000)))),
        ("nested objects with long names", nested(&long_name, "0", "}", limits::NESTING)),
    ]
}

fn invalid_fields() -> Vec<LabelledBody> {
    let zeros = repeated_array("0", limits::SEARCH_STRINGS);
    let scraping =
        format!(r#"{{"type":"webscraping","includeSearchStrings":{zeros},"excludeSearchStrings":{zeros}}}"#);
    let conditions = |condition: &str, count| {
        body_with(
            "crmFilters",
            &format!(r#"{{"provider":"bullhorn","filters":{}}}"#, repeated_array(condition, count)),
        )
    };
    let repeated_name =
        |name: &str, bytes| format!("{{{}}}", vec![format!("{name:?}:0"); bytes / 10].join(","));
    let surrogates = repeated_array(r#""\ud800""#, FREE_BYTES / 20);
    let user = format!("{:?}", "x".repeat(100));
    vec![
        ("a repeated user ID", body_with("userIds", &repeated_array(&user, limits::USERS))),
        ("far too many users", body_with("userIds", &repeated_array(r#""a""#, FREE_BYTES / 4))),
        (
            "numbers as search strings",
            body_with("customFilterCriteria", &repeated_array(&scraping, limits::CUSTOM_FILTERS)),
        ),
        ("far too many filters", body_with("customFilterCriteria", &repeated_array("0", FREE_BYTES / 2))),
        ("empty conditions", conditions("{}", limits::CRM_CONDITIONS)),
        ("conditions with a repeated name", conditions(&repeated_name("", 1_000), limits::CRM_CONDITIONS)),
        ("far too many conditions", conditions("{}", FREE_BYTES / 3)),
        ("unknown names", format!("{{{}}}", distinct_properties(75_000))),
        ("a repeated name", repeated_name("name", FREE_BYTES)),
        ("violations under a long name", format!(r#"{{"{}":{surrogates}}}"#, "n".repeat(FREE_BYTES / 2))),
    ]
}

fn invalid_values() -> Vec<LabelledBody> {
    let description =
        |part: &str| body_with("description", &format!("\"{}\"", repeat_to_length(part, FREE_BYTES)));
    let leads = |number: String| body_with("leadsPerList", &number);
    let filter = format!(r#"[{{"type":"{}"}}]"#, "x".repeat(FREE_BYTES));
    vec![
        ("a description of escapes", description(r"\u0041")),
        ("a description of backslashes", description(r"\\")),
        ("a description of lone surrogates", description(r"\ud800")),
        ("a description of U+0000", description(r"\u0000")),
        ("a very long type of a filter", body_with("customFilterCriteria", &filter)),
        ("a number of a million digits", leads("9".repeat(FREE_BYTES))),
        ("an exponent of a million digits", leads(format!("1e{}", "9".repeat(FREE_BYTES)))),
    ]
}
