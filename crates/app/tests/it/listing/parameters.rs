//! Invalid parameters. These tests run on one database only, because invalid parameters are refused before the
//! database is queried.

use icp_testkit::fixtures::icp;
use reqwest::Method;

use crate::support::services::start_on_sqlite;
use crate::support::users::MINIMAL_BODY;
use crate::support::{LIST, Response, Setup};

/// Invalid queries, and the violations in the response.
const VIOLATIONS: &[(&str, &[&str])] = &[
    ("limit=0", &["limit out_of_range"]),
    ("limit=1001", &["limit out_of_range"]),
    ("limit=-1", &["limit out_of_range"]),
    ("limit=99999999999999999999999", &["limit out_of_range"]),
    ("limit=1.5", &["limit invalid_type"]),
    ("limit=ten", &["limit invalid_type"]),
    ("limit=", &["limit invalid_type"]),
    ("limit", &["limit invalid_type"]),
    ("limit=%2B5", &["limit invalid_type"]),
    ("limit=5%00", &["limit invalid_type"]),
    ("limit=%D9%A3", &["limit invalid_type"]),
    ("active=yes", &["active invalid_value"]),
    ("active=TRUE", &["active invalid_value"]),
    ("active=", &["active invalid_value"]),
    ("active", &["active invalid_value"]),
    ("sort=id", &["sort invalid_value"]),
    ("sort=created_at", &["sort invalid_value"]),
    ("sort=", &["sort invalid_value"]),
    ("order=up", &["order invalid_value"]),
    ("order=ASC", &["order invalid_value"]),
    ("updatedSince=today", &["updatedSince invalid_value"]),
    ("updatedSince=", &["updatedSince invalid_value"]),
    ("updatedSince=2024-02-30T00:00:00Z", &["updatedSince invalid_value"]),
    ("updatedSince=2024-01-01", &["updatedSince invalid_value"]),
    ("updatedSince=10000-01-01T00:00:00Z", &["updatedSince invalid_value"]),
    ("name=", &["name invalid_value"]),
    ("name=%00", &["name invalid_value"]),
    ("name=a%00b", &["name invalid_value"]),
    ("provider=", &["provider invalid_value"]),
    ("provider=%00", &["provider invalid_value"]),
    ("cursor=", &["cursor invalid_value"]),
    ("cursor=garbage", &["cursor invalid_value"]),
    ("cursor=%00", &["cursor invalid_value"]),
    ("cursor=AQ", &["cursor invalid_value"]),
    ("cursor=%F0%9F%A6%80", &["cursor invalid_value"]),
    ("limit=1&limit=1", &["limit duplicate"]),
    ("active=true&active=true", &["active duplicate"]),
    ("name=a&name=b&name=c", &["name duplicate", "name duplicate"]),
    ("cursor=a&cursor=b", &["cursor duplicate"]),
    ("limit=0&limit=1", &["limit duplicate", "limit out_of_range"]),
    (
        "limit=0&active=yes&sort=id&order=up&updatedSince=today&name=&provider=%00",
        &[
            "active invalid_value",
            "limit out_of_range",
            "name invalid_value",
            "order invalid_value",
            "provider invalid_value",
            "sort invalid_value",
            "updatedSince invalid_value",
        ],
    ),
];

impl Response {
    /// Returns the violations as `parameter code`, sorted. Checks that they have the form of the contract.
    #[track_caller]
    fn parameter_violations(&self) -> Vec<String> {
        self.assert_problem(400, "BAD_REQUEST");
        let errors = self.json()["errors"].clone();
        let mut violations = Vec::new();
        for violation in
            errors.as_array().unwrap_or_else(|| panic!("the response must have `errors`: {self:?}"))
        {
            let names: Vec<&String> =
                violation.as_object().expect("the violation must be an object").keys().collect();
            assert_eq!(names.len(), 3, "{violation}");
            let [parameter, code, detail] = ["parameter", "code", "detail"]
                .map(|name| violation[name].as_str().unwrap_or_else(|| panic!("{name} in {violation}")));
            assert!(detail.split(' ').count() > 1, "{violation}");
            violations.push(format!("{parameter} {code}"));
        }
        violations.sort();
        violations
    }
}

#[tokio::test]
async fn all_invalid_parameters_are_reported() {
    let service = start_on_sqlite(Setup::new());
    let ada = service.user("user_ada");
    for (query, violations) in VIOLATIONS {
        assert_eq!(ada.query_list(query).await.parameter_violations(), *violations, "{query}");
    }
    for parameter in ["name", "provider"] {
        for (character, written) in [('a', "a"), ('ö', "%C3%B6"), ('🦀', "%F0%9F%A6%80")] {
            let longest = ada.query_list(&format!("{parameter}={}", written.repeat(255))).await;
            assert_eq!(longest.assert_ok().body, "[]", "255 times {character}");
            let too_long = ada.query_list(&format!("{parameter}={}", written.repeat(256))).await;
            assert_eq!(too_long.parameter_violations(), [format!("{parameter} too_long")]);
        }
    }
}

#[tokio::test]
async fn token_is_checked_before_parameters() {
    let service = start_on_sqlite(Setup::new());
    let path = format!("{LIST}?limit=0");
    for token in [None, Some("no token")] {
        service.get(&path, token).await.assert_problem(401, "UNAUTHORIZED");
    }
}

#[tokio::test]
async fn parameters_are_checked_before_conditions() {
    let service = start_on_sqlite(Setup::new());
    let ada = service.user("user_ada");
    let path = format!("{LIST}?limit=0");
    let conditional = ada.get_request(&path).header("if-none-match", "*");
    assert_eq!(Response::fetch(conditional).await.parameter_violations(), ["limit out_of_range"]);
    let head = Response::fetch(ada.request(Method::HEAD, &path)).await;
    assert_eq!((head.status.as_u16(), head.body.as_str()), (400, ""));
    assert_eq!(head.header("content-type"), "application/problem+json");
}

#[tokio::test]
async fn other_operations_ignore_list_parameters() {
    let service = start_on_sqlite(Setup::new());
    let ada = service.user("user_ada");
    let query = "limit=0&sort=id&cursor=x";
    let posting = ada.request(Method::POST, &format!("{LIST}?{query}"));
    let created =
        Response::fetch(posting.header("content-type", "application/json").body(MINIMAL_BODY)).await;
    assert_eq!(created.status, 201, "{created:?}");
    let path = format!("{}?{query}", created.icp_path());
    assert_eq!(ada.get(&path).await.assert_ok().body, created.body);
    assert_eq!(ada.delete(&path).await.status, 204);
}

#[tokio::test]
async fn cursor_is_refused_for_other_lists() {
    let service = start_on_sqlite(Setup::new());
    let [ada, eve] = ["user_ada", "user_eve"].map(|id| service.user(id));
    service.import_icps((1..=4).map(|number| icp(number).users(["user_ada", "user_eve"])));
    let lists = [
        "",
        "&order=desc",
        "&sort=updatedAt",
        "&sort=updatedAt&order=desc",
        "&sort=name",
        "&sort=name&order=desc",
        "&active=true",
        "&name=icp",
        "&name=ic",
        "&provider=baseProvider",
        "&updatedSince=2020-01-01T00:00:00Z",
        "&updatedSince=2020-01-02T00:00:00Z",
    ];
    for first_query in lists {
        let first = ada.query_list(&format!("limit=2{first_query}")).await.assert_ok();
        let cursor = first.cursor();
        for second_query in lists {
            let response = ada.query_list(&format!("cursor={cursor}{second_query}")).await;
            if first_query == second_query {
                assert_eq!(
                    [first.numbers(), response.assert_ok().numbers()].concat().len(),
                    4,
                    "{first_query}"
                );
            } else {
                assert_eq!(
                    response.parameter_violations(),
                    ["cursor invalid_value"],
                    "{first_query} {second_query}"
                );
            }
        }
        let eves = eve.query_list(&format!("cursor={cursor}{first_query}")).await;
        assert_eq!(eves.parameter_violations(), ["cursor invalid_value"], "{first_query}");
    }
}

#[tokio::test]
async fn damaged_cursor_is_refused() {
    let service = start_on_sqlite(Setup::new());
    let ada = service.user("user_ada");
    service.import_icps((1..=4).map(icp));
    let cursor = ada.query_list("limit=2").await.assert_ok().cursor();
    let shorter = (0..cursor.len()).map(|end| cursor[..end].to_owned());
    let longer = ["A", "=", "%3D", "%00", "+"].map(|end| format!("{cursor}{end}"));
    for damaged in shorter.chain(longer).chain([cursor.to_uppercase(), format!("B{}", &cursor[1..])]) {
        let response = ada.query_list(&format!("limit=2&cursor={damaged}")).await;
        assert_eq!(response.parameter_violations(), ["cursor invalid_value"], "{damaged}");
    }
    assert_eq!(ada.find(&format!("cursor={cursor}")).await, [3, 4]);
}

/// With `Prefer: handling=strict` (RFC 7240), a client asks for errors about unknown parameters.
#[tokio::test]
async fn strict_handling_refuses_unknown_parameters() {
    let service = start_on_sqlite(Setup::new());
    let ada = service.user("user_ada");
    let created = ada.create(MINIMAL_BODY).await;
    let applied = "handling=strict";
    for path in [LIST.to_owned(), format!("{LIST}/"), created.icp_path()] {
        let strict = |query: &str| ada.get_request(&format!("{path}{query}")).header("prefer", applied);
        let response = Response::fetch(strict("")).await.assert_ok();
        assert_eq!(response.header("preference-applied"), applied, "{path}");
        let rejected = Response::fetch(strict("?userId=user_eve&limits=3")).await;
        rejected.assert_problem(400, "BAD_REQUEST");
        assert_eq!(rejected.header("preference-applied"), applied, "{path}");
        let errors = rejected.json()["errors"].clone();
        assert_eq!(errors[0]["parameter"], "userId", "{rejected:?}");
        assert_eq!(errors[1]["parameter"], "limits", "{rejected:?}");
        assert_eq!(errors[0]["code"], "unknown_field", "{rejected:?}");
    }
    let path = format!("{LIST}?limits=3");
    for (preference, status) in [
        ("handling=lenient", 200),
        ("respond-async", 200),
        ("handling=lenient, handling=strict", 200),
        ("respond-async, Handling=\"Strict\"; x=y", 400),
        (r#"x="a, handling=strict""#, 200),
        (r#"x="a\", b"; y, handling=strict"#, 400),
    ] {
        let response = Response::fetch(ada.get_request(&path).header("prefer", preference)).await;
        assert_eq!(response.status, status, "{preference}: {response:?}");
    }
    let plain = ada.get(&path).await.assert_ok();
    assert!(!plain.headers.contains_key("preference-applied"), "{plain:?}");
}

#[tokio::test]
async fn violations_of_all_parameters_are_reported_together() {
    let service = start_on_sqlite(Setup::new());
    let ada = service.user("user_ada");
    let put =
        ada.request(Method::PUT, &format!("{LIST}/x/users/a%20b?y=1")).header("prefer", "handling=strict");
    let tags = vec!["\"1\""; 1_001].join(",");
    let rejected = Response::fetch(put.header("if-match", tags)).await;
    let expected = ["id invalid_value", "if-match too_long", "userId invalid_value", "y unknown_field"];
    assert_eq!(rejected.violations(), expected);
    let post = ada.request(Method::POST, &format!("{LIST}?dryRun=x")).header("idempotency-key", "a b");
    let rejected = Response::fetch(post.header("content-type", "application/json").body(MINIMAL_BODY)).await;
    assert_eq!(rejected.violations(), ["Idempotency-Key invalid_value", "dryRun invalid_value"]);
}

#[tokio::test]
async fn parameter_in_invalid_utf8_is_malformed() {
    let service = start_on_sqlite(Setup::new());
    let rejected = service.user("user_ada").get(&format!("{LIST}?name=%FF")).await;
    rejected.assert_problem(400, "BAD_REQUEST");
    assert_eq!(rejected.json()["errors"][0]["code"], "malformed", "{rejected:?}");
}
