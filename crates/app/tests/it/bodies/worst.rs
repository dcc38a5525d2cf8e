//! Bodies of about 1 MiB that are as expensive to parse as possible.

use icp_domain::limits;
use serde_json::json;

/// A description, and the text.
pub(crate) type Case = (&'static str, String);

/// The length in bytes that remains in a body with a few small fields.
const ROOM: usize = limits::BODY_BYTES - 300;

/// Invalid bodies.
pub(crate) fn wrong() -> Vec<Case> {
    checked([wrong_regexes(limits::CUSTOM_FILTERS), wrong_shapes(), wrong_members(), wrong_values()].concat())
}

/// Valid bodies.
pub(crate) fn right() -> Vec<Case> {
    checked([right_regexes(limits::CUSTOM_FILTERS), right_members()].concat())
}

fn checked(bodies: Vec<Case>) -> Vec<Case> {
    for (what, body) in &bodies {
        assert!(body.len() <= limits::BODY_BYTES, "{what} has {} bytes", body.len());
    }
    bodies
}

/// Returns a valid body with one more field.
fn with(member: &str, value: &str) -> String {
    format!(r#"{{"name":"x","leadProviderCriteria":[],"{member}":{value}}}"#)
}

/// Returns a body with any JSON in the filters of a provider.
fn with_anything(value: &str) -> String {
    format!(
        r#"{{"name":"x","leadProviderCriteria":[{{"provider":"baseProvider","filters":{{"a":{value}}}}}]}}"#
    )
}

/// Repeats a text up to about a length in bytes.
fn fill(part: &str, bytes: usize) -> String {
    part.repeat(bytes / part.len())
}

/// Returns an array that repeats a text.
fn array(part: &str, count: usize) -> String {
    format!("[{}]", vec![part; count].join(","))
}

fn nested(open: &str, inner: &str, close: &str, depth: usize) -> String {
    format!("{}{inner}{}", open.repeat(depth), close.repeat(depth))
}

fn named(groups: usize, form: fn(usize) -> String) -> String {
    (0..groups).map(form).collect()
}

/// Each expression in a number of filters.
fn in_filters(regexes: &[(&'static str, String)], count: usize) -> Vec<Case> {
    let body = |regex: &str| {
        assert!((750..=limits::REGEX).contains(&regex.len()), "{} bytes of {regex}", regex.len());
        let filter = json!({"type": "matchFieldWithRegex", "field": "firstName", "regex": regex});
        with("customFilterCriteria", &array(&filter.to_string(), count))
    };
    regexes.iter().map(|(what, regex)| (*what, body(regex))).collect()
}

pub(crate) fn right_regexes(count: usize) -> Vec<Case> {
    let regexes = [
        ("quantifiers within one another", nested("(", &"a".repeat(240), ")*", 240)),
        ("lazy quantifiers within one another", nested("(?:", &"a".repeat(100), "+?)", 140)),
        ("counts within one another", nested("(", "a", "){1,999}", 110)),
        ("counts of large classes", fill(r"[^\W\d]{1,9999}", 1_000)),
        ("references back to everything", fill(r"(a*)+\1\2\3", 1_000)),
        ("references ahead by name", named(60, |number| format!(r"\k<a{number}>(?<a{number}>)"))),
        ("looks around within looks around", nested("(?<!(?=", &"a".repeat(10), "))", 110)),
        ("looks behind for alternatives", fill("(?<=a|b*)", 1_000)),
        ("alternatives of nothing", "|".repeat(1_000)),
        ("alternatives within one another", nested("(a|", &"b".repeat(50), ")+", 190)),
        ("optional repetitions", "a?".repeat(333) + &"a".repeat(333)),
        ("classes of everything", fill(r"[\s\S\w\W\d\D\u0000-\uffff]", 1_000)),
    ];
    in_filters(&regexes, count)
}

pub(crate) fn wrong_regexes(count: usize) -> Vec<Case> {
    let regexes = [
        ("a reference to no group", named(100, |number| format!("(?<a{number}>)")) + r"\k<none>"),
        ("groups too deep", nested("(", "", ")", 500)),
        ("classes without an end", "[".repeat(1_000)),
        ("a violation at the very end", nested("(", &"a".repeat(270), ")*", 240) + "("),
    ];
    in_filters(&regexes, count)
}

/// Returns the largest number of users, with IDs that begin with `prefix`, and the creator.
pub(crate) fn many_users(start: &str) -> String {
    let rest = "x".repeat(90);
    let ids = (1..limits::USERS).map(|number| format!("{start}{number:05}{rest}"));
    let ids: Vec<_> = ids.chain(["user_ada".to_owned()]).collect();
    with("userIds", &json!(ids).to_string())
}

fn page() -> String {
    array(r#"{"b":[1.0,"c"]}"#, ROOM / 16)
}

/// Returns a search with the largest amount of JSON.
pub(crate) fn pages() -> String {
    with_anything(&page())
}

/// Returns a CRM condition with the largest amount of JSON.
pub(crate) fn crm_pages() -> String {
    let condition = format!(r#"{{"path":"a","mode":"b","value":{}}}"#, page());
    format!(r#"{{"crmFilters":{{"provider":"bullhorn","filters":[{condition}]}}}}"#)
}

/// Returns properties with different names.
fn members(count: usize) -> String {
    (0..count).map(|number| format!(r#""k{number}":0"#)).collect::<Vec<_>>().join(",")
}

/// The enclosing levels are the object of the body, an array, a criterion, the provider's object and an array.
fn as_deep_as_may_be() -> String {
    nested("[", "", "]", limits::NESTING - 5)
}

fn right_members() -> Vec<Case> {
    let deep = as_deep_as_may_be();
    let zeros = "0".repeat(ROOM);
    vec![
        ("many users", many_users("a")),
        ("many users, of four bytes a character", many_users("a").replace("xxxx", "😀")),
        ("many arrays as deep as may be", with_anything(&array(&deep, ROOM / (deep.len() + 1)))),
        ("empty arrays", with_anything(&array("[]", ROOM / 3))),
        ("many names", with_anything(&format!("{{{}}}", members(75_000)))),
        ("blanks", " \n\t\r".repeat(ROOM / 4) + &with_anything("0")),
        ("a provider's text of escapes", with_anything(&format!(r#""{}""#, fill(r"\u00e9", ROOM)))),
        ("a provider's number of a million digits", with_anything(&"7".repeat(ROOM))),
        ("ten, in a million digits", with("leadsPerList", &format!("10.{zeros}"))),
        ("ten, by an exponent", with("leadsPerList", &format!("0.{zeros}1e{}", ROOM + 2))),
        ("a second of a million digits", with("activeUntil", &format!(r#""2030-01-01T00:00:00.{zeros}Z""#))),
    ]
}

fn wrong_shapes() -> Vec<Case> {
    let deep = as_deep_as_may_be();
    let too_deep_at_last = format!("[{}[{deep}]]", fill("0,", ROOM - deep.len()));
    let long_name = format!(r#"{{"{}":"#, "n".repeat(15_000));
    vec![
        ("too deep at the very end", with_anything(&too_deep_at_last)),
        ("far too deep", with_anything(&nested("[", "", "]", ROOM / 2))),
        ("arrays without an end", "[".repeat(ROOM)),
        ("objects without an end", fill(r#"{"a":"#, ROOM)),
        ("a string without an end", format!(r#"{{"name":"{}"#, "x".repeat(ROOM))),
        ("a million commas", format!("[{}]", ",".repeat(1_000_000))),
        ("a million commas in a text", with("description", &format!("\"{}\"", ",".repeat(1_000_000)))),
        ("long names within one another", nested(&long_name, "0", "}", limits::NESTING)),
    ]
}

fn wrong_members() -> Vec<Case> {
    let zeros = array("0", limits::SEARCH_STRINGS);
    let scraping =
        format!(r#"{{"type":"webscraping","includeSearchStrings":{zeros},"excludeSearchStrings":{zeros}}}"#);
    let conditions = |condition: &str, count| {
        with("crmFilters", &format!(r#"{{"provider":"bullhorn","filters":{}}}"#, array(condition, count)))
    };
    let one_name = |name: &str, bytes| format!("{{{}}}", vec![format!("{name:?}:0"); bytes / 10].join(","));
    let halves = array(r#""\ud800""#, ROOM / 20);
    let user = format!("{:?}", "x".repeat(100));
    vec![
        ("one user over and over", with("userIds", &array(&user, limits::USERS))),
        ("far too many users", with("userIds", &array(r#""a""#, ROOM / 4))),
        ("zeros for search strings", with("customFilterCriteria", &array(&scraping, limits::CUSTOM_FILTERS))),
        ("far too many filters", with("customFilterCriteria", &array("0", ROOM / 2))),
        ("empty conditions", conditions("{}", limits::CRM_CONDITIONS)),
        ("conditions of one name", conditions(&one_name("", 1_000), limits::CRM_CONDITIONS)),
        ("far too many conditions", conditions("{}", ROOM / 3)),
        ("unknown names", format!("{{{}}}", members(75_000))),
        ("one name over and over", one_name("name", ROOM)),
        ("violations under a long name", format!(r#"{{"{}":{halves}}}"#, "n".repeat(ROOM / 2))),
    ]
}

fn wrong_values() -> Vec<Case> {
    let description = |part: &str| with("description", &format!("\"{}\"", fill(part, ROOM)));
    let leads = |number: String| with("leadsPerList", &number);
    let filter = format!(r#"[{{"type":"{}"}}]"#, "x".repeat(ROOM));
    vec![
        ("a text of escapes", description(r"\u0041")),
        ("a text of backslashes", description(r"\\")),
        ("a text of halves of surrogate pairs", description(r"\ud800")),
        ("a text of U+0000", description(r"\u0000")),
        ("a filter's type without an end", with("customFilterCriteria", &filter)),
        ("a million digits", leads("9".repeat(ROOM))),
        ("an exponent of a million digits", leads(format!("1e{}", "9".repeat(ROOM)))),
    ]
}
