//! Filters and sort orders of lists.

use icp_testkit::fixtures::{IcpBuilder, icp};
use serde_json::json;

use crate::support::services::on_both_databases;
use crate::support::users::MINIMAL_BODY;
use crate::support::{LIST, Service};

const PAST: &str = "2020-01-01T00:00:00.000Z";
const FUTURE: &str = "2999-01-01T00:00:00.000Z";

fn record(number: u128, name: &str, updated_in: &str) -> IcpBuilder {
    let icp = icp(number).with("name", name).created_at(&format!("2024-01-{number:02}T00:00:00.000Z"));
    icp.with("updatedAt", format!("2024-{updated_in}-01T00:00:00.000Z"))
}

/// Returns six ICPs of Ada, and two ICPs of Eve that match most of the queries. Eve is also a user of the sixth ICP.
fn records() -> Vec<IcpBuilder> {
    let none = || json!([]);
    let website = json!([{"type": "website", "provider": "browserUse", "prompt": "p"}]);
    let crm = json!({"provider": "bullhorn", "filters": []});
    let scraping = json!([{"type": "ofNextYear", "provider": "firecrawl"}]);
    vec![
        record(1, "Ömega", "06"),
        record(2, "alpha 100%", "03").with("activeUntil", PAST).with("customFilterCriteria", website.clone()),
        record(3, "Alpha_two", "05").with("activeUntil", FUTURE).with("crmFilters", crm.clone()),
        record(4, "beta\\x", "04").with("activeUntil", PAST).with("customFilterCriteria", scraping),
        record(5, "ALPHA", "07").with("leadProviderCriteria", none()),
        record(6, "it's [*?]", "02").with("leadProviderCriteria", none()).users(["user_eve", "user_ada"]),
        record(7, "Ömega alpha 100% _\\ it's beta", "08")
            .with("customFilterCriteria", website)
            .users(["user_eve"]),
        record(8, "Ömega alpha 100% _\\ it's beta", "08").with("crmFilters", crm).users(["user_eve"]),
    ]
}

/// Queries, and the numbers of the matching ICPs of Ada, in order.
const QUERIES: &[(&str, &[u64])] = &[
    ("active=true", &[1, 3, 5, 6]),
    ("active=false", &[2, 4]),
    ("updatedSince=2024-05-01T00:00:00.000Z", &[1, 3, 5]),
    ("updatedSince=2024-05-01T00:00:00.001Z", &[1, 5]),
    ("updatedSince=2024-05-01T00:00:00.0001Z", &[1, 5]),
    ("expiresFrom=2020-01-01T00:00:00Z&expiresBefore=2020-01-01T00:00:00.0001Z", &[2, 4]),
    ("expiresFrom=2020-01-01T00:00:00.0001Z", &[3]),
    ("updatedSince=2024-05-01T02:00:00%2B02:00", &[1, 3, 5]),
    ("updatedSince=2024-05-01T02:00:00+02:00", &[1, 3, 5]),
    ("updatedSince=2999-01-01T00:00:00Z", &[]),
    ("updatedSince=0000-01-01T00:00:00Z", &[1, 2, 3, 4, 5, 6]),
    ("name=alpha", &[2, 3, 5]),
    ("name=ALPHA", &[2, 3, 5]),
    ("name=lph", &[2, 3, 5]),
    ("name=%C3%96M", &[1]),
    ("name=%C3%B6m", &[1]),
    ("name=Om", &[]),
    ("name=%25", &[2]),
    ("name=_", &[3]),
    ("name=alpha+1", &[2]),
    ("name=a%20", &[2]),
    ("name=%5C", &[4]),
    ("name=%27", &[6]),
    ("name=*", &[6]),
    ("name=%5B", &[6]),
    ("name=a%25a", &[]),
    ("name=alpha%25", &[]),
    ("name=%27%20OR%20%271%27=%271", &[]),
    ("provider=baseProvider", &[1, 2, 3, 4]),
    ("provider=browserUse", &[2]),
    ("provider=firecrawl", &[4]),
    ("provider=bullhorn", &[3]),
    ("provider=Bullhorn", &[]),
    ("provider=bull", &[]),
    ("provider=%25", &[]),
    ("provider=,", &[]),
    ("provider=%22", &[]),
    ("provider=baseProvider%22,%22browserUse", &[]),
    ("sort=createdAt", &[1, 2, 3, 4, 5, 6]),
    ("order=asc", &[1, 2, 3, 4, 5, 6]),
    ("order=desc", &[6, 5, 4, 3, 2, 1]),
    ("sort=createdAt&order=desc", &[6, 5, 4, 3, 2, 1]),
    ("sort=updatedAt", &[6, 2, 4, 3, 1, 5]),
    ("order=desc&sort=updatedAt", &[5, 1, 3, 4, 2, 6]),
    ("sort=name", &[5, 2, 3, 4, 6, 1]),
    ("sort=name&order=desc", &[1, 6, 4, 3, 2, 5]),
    ("active=true&name=alpha", &[3, 5]),
    ("active=true&name=alpha&sort=updatedAt&order=desc", &[5, 3]),
    ("active=false&provider=baseProvider&sort=name", &[2, 4]),
    ("active=true&updatedSince=2024-06-01T00:00:00Z&sort=name&order=desc", &[1, 5]),
    ("name=alpha&provider=bullhorn&active=true&updatedSince=2024-05-01T00:00:00Z", &[3]),
    ("name=alpha&provider=firecrawl", &[]),
    ("name=alpha&limit=2&sort=name", &[5, 2]),
    ("active=false&limit=1&order=desc", &[4]),
];

on_both_databases!(query_returns_matching_icps_in_order);
async fn query_returns_matching_icps_in_order(service: &Service) {
    service.import_icps(records());
    let ada = service.user("user_ada");
    for (query, numbers) in QUERIES {
        assert_eq!(ada.find(query).await, *numbers, "{query}");
    }
    let root = service.admin("user_root");
    for (query, _) in QUERIES {
        assert_eq!(
            root.query_list(query).await.assert_ok().body,
            "[]",
            "an admin's list must contain only the admin's ICPs: {query}"
        );
    }
    assert_eq!(service.user("user_eve").find("name=%C3%96M&sort=updatedAt").await, [7, 8]);
}

on_both_databases!(unknown_and_default_parameters_change_nothing);
async fn unknown_and_default_parameters_change_nothing(service: &Service) {
    service.import_icps(records());
    let ada = service.user("user_ada");
    let list = ada.get(LIST).await.assert_ok();
    assert_eq!(list.numbers(), [1, 2, 3, 4, 5, 6]);
    assert_eq!(list.next_page(), None);
    let other_user = "userId=user_eve&userIds=user_eve&user=*&all=true&admin=true";
    let unknown = [
        "",
        "x",
        "page=2&per_page=1",
        "Limit=1",
        "LIMIT=x",
        "name%00=x",
        "%00",
        "a=%zz&&&=",
        "offset=3",
        other_user,
    ];
    let defaults =
        ["sort=createdAt", "order=asc", "sort=createdAt&order=asc", "limit=1000", "limit=6", "limit=0006"];
    for query in unknown.iter().chain(&defaults) {
        let response = ada.query_list(query).await.assert_ok();
        assert_eq!(response.body, list.body, "{query}");
        assert_eq!(response.next_page(), None, "{query}");
    }
    for query in unknown {
        assert_eq!(ada.query_list(query).await.etag(), list.etag(), "{query}");
    }
    assert_eq!(
        ada.get(&format!("{LIST}/")).await.assert_ok().body,
        list.body,
        "a trailing slash must change nothing"
    );
}

on_both_databases!(filters_use_current_state);
async fn filters_use_current_state(service: &Service) {
    let ada = service.user("user_ada");
    let created = ada.create(MINIMAL_BODY).await;
    let path = created.icp_path();
    let list_of = |body: &str| format!("[{body}]");
    assert_eq!(ada.query_list("name=smb").await.body, list_of(&created.body));
    let changes = json!({
        "name": "ΩMEGA",
        "activeUntil": PAST,
        "crmFilters": {"provider": "bullhorn", "filters": []},
        "customFilterCriteria": [{"type": "website", "provider": "of our own, \"new\"", "prompt": "p"}]
    });
    for query in ["active=false", "name=%CF%89", "provider=bullhorn", "provider=of+our+own,+%22new%22"] {
        assert_eq!(ada.query_list(query).await.assert_ok().body, "[]", "{query}");
    }
    let patched = ada.patch(&path, changes).await.assert_ok();
    for query in ["active=false", "name=%CF%89", "provider=bullhorn", "provider=of+our+own,+%22new%22"] {
        assert_eq!(ada.query_list(query).await.assert_ok().body, list_of(&patched.body), "{query}");
    }
    for query in ["name=smb", "active=true"] {
        assert_eq!(ada.query_list(query).await.assert_ok().body, "[]", "{query}");
    }
    let updated = patched.json()["updatedAt"].as_str().expect("the time must be a string").to_owned();
    assert_eq!(
        ada.query_list(&format!("updatedSince={updated}")).await.assert_ok().body,
        list_of(&patched.body)
    );
    ada.patch(&path, r#"{"crmFilters":null,"activeUntil":null}"#).await.assert_ok();
    assert_eq!(ada.query_list("provider=bullhorn").await.assert_ok().body, "[]");
    assert_eq!(ada.query_list("active=false").await.assert_ok().body, "[]");
}

on_both_databases!(names_are_sorted_by_lower_case_bytes);
async fn names_are_sorted_by_lower_case_bytes(service: &Service) {
    const NAMES: [&str; 14] =
        ["b", "A", "a", "B", "_", "Z", "é", "z", "a b", "A-b", "🦀", "\u{fffd}", "Éa", "10"];
    service.import_icps((1_u128..).zip(NAMES).map(|(number, name)| icp(number).with("name", name)));
    let mut expected: Vec<(String, u64)> =
        (1..).zip(NAMES).map(|(number, name)| (name.to_lowercase(), number)).collect();
    expected.sort();
    let mut numbers: Vec<u64> = expected.into_iter().map(|(_, number)| number).collect();
    let ada = service.user("user_ada");
    assert_eq!(ada.find("sort=name").await, numbers);
    numbers.reverse();
    assert_eq!(ada.find("sort=name&order=desc").await, numbers);
}
