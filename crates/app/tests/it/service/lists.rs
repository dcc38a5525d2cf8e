//! Checks the list over HTTP. The tests with `ServicesOnBothDatabases` compare SQLite and PostgreSQL.

use std::fmt::Write as _;

use icp_test_postgres as postgres;
use icp_testkit::fixtures::{EXAMPLE_LIST, icp};
use serde_json::{Value, json};

use crate::support::{LIST, Response, Service, Setup, client, stderr};

/// Two services, on SQLite and on PostgreSQL, that imported the same file.
struct ServicesOnBothDatabases {
    services: [Service; 2],
    _database: postgres::Database,
}

impl ServicesOnBothDatabases {
    fn start_with(records: &str, arguments: &[&str]) -> Self {
        let database = postgres::shared().database();
        let setups = [Setup::new(), Setup::new().with("ICP__DATABASE__URL", database.url())];
        let services = setups.map(|setup| {
            let output = setup.icp_with_input(&[&["import"], arguments].concat(), records.as_bytes());
            assert!(output.status.success(), "{}", stderr(&output));
            setup.start()
        });
        Self { services, _database: database }
    }

    /// Requests the list from both services, and fails if the bodies differ. Returns the body.
    async fn list(&self, user: &str) -> String {
        let [sqlite, postgres] = &self.services;
        let (first, second) = (sqlite.list(user).await, postgres.list(user).await);
        assert_eq!((first.status.as_u16(), second.status.as_u16()), (200, 200), "{first:?} {second:?}");
        assert_eq!(first.body, second.body, "the bodies must be the same byte for byte");
        first.body
    }
}

#[tokio::test]
async fn example_is_returned_by_both_databases() {
    let services = ServicesOnBothDatabases::start_with(EXAMPLE_LIST, &[]);
    let list: Value =
        serde_json::from_str(&services.list("user_abc123").await).expect("the text must be JSON");
    assert_eq!(list, serde_json::from_str::<Value>(EXAMPLE_LIST).expect("the text must be JSON"));
    let list_of_other_user: Value =
        serde_json::from_str(&services.list("user_xyz789").await).expect("the text must be JSON");
    assert_eq!(list_of_other_user, json!([list[0]]));
    assert_eq!(services.list("user_without_icps").await, "[]");
}

#[tokio::test]
async fn same_import_lists_same_bytes_on_both_databases() {
    let mut file = String::new();
    for number in 1..=200_u128 {
        let created = format!("20{:02}-01-01T00:00:00.{:03}Z", number % 40, number % 7);
        let icp = icp(number)
            .created_at(&created)
            .users([["user_a", "user_b", "user_c"][(number % 3) as usize], "user_all"])
            .with("name", "Ä 🦀 שלום e\u{301} \u{2028}")
            .with("colour", json!({"z": [1.5, null]}));
        writeln!(file, "{}", icp.json()).expect("a write to a string must succeed");
    }
    // Most JSON libraries would rewrite these escapes and numbers.
    file += r#"{"id":"00000000-0000-0000-0000-00000000ffff","name":"\u00e4","createdAt":"1969-12-31T23:59:59.9999-02:00",
        "updatedAt":"2024-01-15T10:30:00Z","userIds":["user_all"],"leadProviderCriteria":[{"provider":"p","filters":
        {"b":1.0,"a":1E400,"b":123456789012345678901234567890}}]}"#
        .replace('\n', " ")
        .as_str();
    let services = ServicesOnBothDatabases::start_with(&file, &["--lenient"]);
    for user in ["user_a", "user_b", "user_c"] {
        assert_ne!(services.list(user).await, "[]");
    }
    let all = services.list("user_all").await;
    assert!(
        all.contains(r#"{"b":1.0,"a":1E400,"b":123456789012345678901234567890}"#),
        "the filters must be unchanged"
    );
    assert!(
        all.contains(r#""createdAt":"1970-01-01T01:59:59.999Z""#),
        "the time must be in UTC and truncated to milliseconds"
    );
}

#[tokio::test]
async fn list_of_admin_has_only_own_icps() {
    let service = Setup::new().start();
    let admin = service.setup.token(&["--user", "user_admin", "--admin"]);
    assert_eq!(service.get(LIST, Some(&admin)).await.body, "[]");
}

#[tokio::test]
async fn unknown_parameters_and_slash_do_not_change_list() {
    let service = Setup::new().start();
    let token = service.setup.token(&["--user", "user_abc123"]);
    let plain = service.get(LIST, Some(&token)).await;
    for suffix in ["?", "?x=1", "?userId=user_xyz789", "?%00", "?a=%zz&&&=", "/"] {
        assert_eq!(service.get(&format!("{LIST}{suffix}"), Some(&token)).await.body, plain.body, "{suffix}");
    }
}

#[tokio::test]
async fn head_returns_get_headers_without_body() {
    let service = Setup::new().start();
    let token = service.setup.token(&["--user", "user_abc123"]);
    let get = service.get(LIST, Some(&token)).await;
    let head = client().head(format!("{}{LIST}", service.address)).bearer_auth(&token);
    let head = Response::fetch(head).await;
    assert_eq!((head.status, head.body.as_str()), (get.status, ""));
    assert_eq!(head.header("content-length"), get.body.len().to_string());
    assert_eq!(head.header("content-type"), "application/json");
}

#[tokio::test]
async fn list_response_is_private_and_has_vary() {
    let service = Setup::new().start();
    let list = service.list("user_abc123").await;
    assert_eq!(list.header("content-type"), "application/json");
    assert_eq!(list.header("cache-control"), "private, no-cache");
    assert_eq!(list.header("vary"), "Authorization, Accept-Encoding");
    let with_cookie = Setup::new().with("ICP__AUTH__SESSION_COOKIE", "true").start();
    let list_with_cookie = with_cookie.list("user_abc123").await;
    assert_eq!(list_with_cookie.header("vary"), "Authorization, Cookie, Accept-Encoding");
    assert!(!list.header("x-request-id").is_empty());
}
