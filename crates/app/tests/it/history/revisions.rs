//! Tests the revisions of an ICP: their order, properties, access rules and pages.

use reqwest::Method;
use serde_json::json;

use super::{absent_icp_path, icp_text, property_of_each};
use crate::support::services::on_both_databases;
use crate::support::users::MINIMAL_BODY;
use crate::support::{LIST, Response, Service, Setup};

on_both_databases!(each_change_creates_one_revision);
async fn each_change_creates_one_revision(service: &Service) {
    let [ada, bob] = ["user_ada", "user_bob"].map(|id| service.user(id));
    let created = ada.create(MINIMAL_BODY).await;
    let path = created.icp_path();
    let shared = ada.share(&path, "user_bob").await.assert_ok();
    let renamed = bob.patch(&path, json!({"name": "Bob's", "leadsPerList": 5})).await.assert_ok();
    let unchanged = bob.patch(&path, json!({"name": "Bob's"})).await.assert_ok();
    assert_eq!(unchanged.version(), renamed.version(), "a patch without changes must not add a revision");
    let revisions = ada.revisions(&path).await;
    let states = [&renamed, &shared, &created];
    assert_eq!(property_of_each(&revisions, "revision"), states.map(|state| json!(state.version())));
    assert_eq!(property_of_each(&revisions, "operation"), ["update", "update", "create"]);
    assert_eq!(property_of_each(&revisions, "by"), ["user_bob", "user_ada", "user_ada"]);
    assert_eq!(property_of_each(&revisions, "source"), ["api", "api", "api"]);
    assert_eq!(property_of_each(&revisions, "actor"), [json!(null), json!(null), json!(null)]);
    assert_eq!(
        property_of_each(&revisions, "changed"),
        [json!(["leadsPerList", "name"]), json!(["userIds"]), json!([])]
    );
    assert_eq!(revisions[2]["at"], created.json()["createdAt"]);
    assert!(revisions.iter().all(|revision| revision.get("icp").is_none()));
    for state in states {
        let revision = ada.revision(&path, &state.version()).await.assert_ok();
        assert_eq!(icp_text(&revision), state.body, "a revision must contain the ICP at that version");
        let listed = revisions.iter().find(|listed| listed["revision"] == *state.version());
        for (name, value) in listed
            .expect("the list must contain the revision")
            .as_object()
            .expect("the value must be an object")
        {
            assert_eq!(revision.json()[name], *value, "{name}");
        }
    }
}

on_both_databases!(revision_time_equals_updated_at);
async fn revision_time_equals_updated_at(service: &Service) {
    let ada = service.user("user_ada");
    let path = ada.create(MINIMAL_BODY).await.icp_path();
    let mut times = Vec::new();
    for number in 1..=40 {
        // Without the wait, several patches could be in the same millisecond. The service would then set `updatedAt` to
        // a later time than that of the patch.
        tokio::time::sleep(std::time::Duration::from_millis(2)).await;
        times.push(
            ada.patch(&path, json!({"leadsPerList": 100 + number})).await.assert_ok().json()["updatedAt"]
                .clone(),
        );
    }
    let recorded = property_of_each(&ada.revisions(&path).await, "at");
    assert_eq!(recorded.into_iter().rev().skip(1).collect::<Vec<_>>(), times);
}

on_both_databases!(unknown_fields_are_restored_byte_for_byte);
async fn unknown_fields_are_restored_byte_for_byte(service: &Service) {
    let ada = service.user("user_ada");
    let record = r#"{"id":"00000000-0000-0000-0000-000000000001","name":"Odd","description":null,"createdAt":"2024-01-15T10:30:00.000Z","updatedAt":"2024-01-15T10:30:00.000Z","leadProviderCriteria":[{"provider":"future","type":"robot","filters":{"n":1e2,"N":12345678901234567890123,"n":0.10}}],"customFilterCriteria":[{"type":"future","x":[1.0]}],"crmFilters":null,"userIds":["user_ada"],"leadsPerList":10,"activeUntil":null,"colour":"Ä 🦀"}"#;
    service.import(record, &[]);
    let path = format!("{LIST}/00000000-0000-0000-0000-000000000001");
    let imported = ada.get(&path).await.assert_ok();
    ada.patch(&path, json!({"leadProviderCriteria": [], "customFilterCriteria": []})).await.assert_ok();
    let revision = ada.revision(&path, &imported.version()).await.assert_ok();
    assert_eq!(icp_text(&revision), imported.body);
    let restored = ada.restore(&path, &imported.version()).await.assert_ok();
    let updated_at = |response: &Response| {
        response.json()["updatedAt"].as_str().expect("the time must be a string").to_owned()
    };
    assert_eq!(
        restored.body,
        imported.body.replace(
            &format!(r#""updatedAt":"{}""#, updated_at(&imported)),
            &format!(r#""updatedAt":"{}""#, updated_at(&restored))
        )
    );
    let sources = property_of_each(&ada.revisions(&path).await, "source");
    assert_eq!(sources, ["api", "api", "import"]);
}

on_both_databases!(replacing_import_creates_revision);
async fn replacing_import_creates_revision(service: &Service) {
    let ada = service.user("user_ada");
    let created = ada.create(MINIMAL_BODY).await;
    let path = created.icp_path();
    service.import(&created.body.replace("SMB", "Imported"), &["--on-conflict", "replace"]);
    let revisions = ada.revisions(&path).await;
    assert_eq!(property_of_each(&revisions, "operation"), ["update", "create"]);
    assert_eq!(property_of_each(&revisions, "by"), [json!(null), json!("user_ada")]);
    assert_eq!(property_of_each(&revisions, "source"), ["import", "api"]);
    assert_eq!(revisions[0]["changed"], json!(["name"]));
    assert_eq!(icp_text(&ada.revision(&path, &created.version()).await.assert_ok()), created.body);
}

on_both_databases!(only_current_users_and_admins_can_use_history);
async fn only_current_users_and_admins_can_use_history(service: &Service) {
    let [ada, bob, eve] = ["user_ada", "user_bob", "user_eve"].map(|id| service.user(id));
    let root = service.admin("user_root");
    let created = ada.create(MINIMAL_BODY).await;
    let path = created.icp_path();
    ada.share(&path, "user_bob").await.assert_ok();
    assert_eq!(bob.revisions(&path).await.len(), 2, "Bob must also see earlier revisions");
    bob.unshare(&path, "user_ada").await.assert_ok();
    for user in [&ada, &eve] {
        user.get(&format!("{path}/revisions")).await.assert_problem(403, "FORBIDDEN");
        user.revision(&path, &created.version()).await.assert_problem(403, "FORBIDDEN");
        user.restore(&path, &created.version()).await.assert_problem(403, "FORBIDDEN");
        user.copy(&path).await.assert_problem(403, "FORBIDDEN");
    }
    assert_eq!(root.revisions(&path).await.len(), 3);
    for user in [&eve, &root] {
        user.get(&format!("{}/revisions", absent_icp_path())).await.assert_problem(404, "NOT_FOUND");
        user.revision(&absent_icp_path(), &created.version()).await.assert_problem(404, "NOT_FOUND");
        user.restore(&absent_icp_path(), &created.version()).await.assert_problem(404, "NOT_FOUND");
        user.copy(&absent_icp_path()).await.assert_problem(404, "NOT_FOUND");
    }
}

on_both_databases!(pages_add_up_to_history);
async fn pages_add_up_to_history(service: &Service) {
    let [ada, bob] = ["user_ada", "user_bob"].map(|id| service.user(id));
    let path = ada.create(MINIMAL_BODY).await.icp_path();
    for number in 0..6 {
        ada.patch(&path, json!({"leadsPerList": 100 + number})).await.assert_ok();
    }
    ada.share(&path, "user_bob").await.assert_ok();
    let all_revisions = ada.revisions(&path).await;
    assert_eq!(all_revisions.len(), 8);
    let (mut pages, mut next) = (Vec::new(), Some(format!("{path}/revisions?limit=3")));
    while let Some(page) = next {
        let response = ada.get(&page).await.assert_ok();
        assert!(super::parse_array(&response).len() <= 3);
        pages.extend(super::parse_array(&response));
        next = response.next_page();
        // A cursor is valid only for the user who received it.
        if let Some((_, cursor)) = next.as_deref().and_then(|next| next.split_once("cursor=")) {
            let rejected = bob.get(&format!("{path}/revisions?cursor={cursor}")).await;
            rejected.assert_invalid_parameter("cursor");
        }
    }
    assert_eq!(pages, all_revisions);
    for (query, code) in
        [("limit=0", "out_of_range"), ("limit=1001", "out_of_range"), ("cursor=x", "invalid_value")]
    {
        for path in [format!("{path}/revisions?{query}"), format!("{}?{query}", super::DELETED_LIST)] {
            let rejected = ada.get(&path).await;
            rejected.assert_problem(400, "BAD_REQUEST");
            assert_eq!(rejected.json()["errors"][0]["code"], code, "{rejected:?}");
        }
    }
}

on_both_databases!(unknown_revisions_are_not_found);
async fn unknown_revisions_are_not_found(service: &Service) {
    let ada = service.user("user_ada");
    let created = ada.create(MINIMAL_BODY).await;
    let path = created.icp_path();
    for unknown in
        ["1", "-1", "0", "x", "%00", "%FF", "9223372036854775808", "9223372036854775807", "+1", "01", "null"]
    {
        ada.revision(&path, unknown).await.assert_problem(404, "NOT_FOUND");
    }
    let eve = service.user("user_eve");
    eve.revision(&path, "x").await.assert_problem(403, "FORBIDDEN");
    ada.revision(&format!("{LIST}/x"), &created.version()).await.assert_invalid_parameter("id");
    let other = ada.create(MINIMAL_BODY).await;
    ada.revision(&path, &other.version()).await.assert_problem(404, "NOT_FOUND");
}

on_both_databases!(history_requests_follow_rules_of_http);
async fn history_requests_follow_rules_of_http(service: &Service) {
    let ada = service.user("user_ada");
    let created = ada.create(MINIMAL_BODY).await;
    let path = created.icp_path();
    let reads = [
        format!("{path}/revisions"),
        format!("{path}/revisions/{}", created.version()),
        super::DELETED_LIST.to_owned(),
    ];
    for path in &reads {
        service.get(path, None).await.assert_problem(401, "UNAUTHORIZED");
        let response = ada.get(path).await.assert_ok();
        assert_eq!(response.header("cache-control"), "private, no-cache");
        assert_eq!(response.header("vary"), "Authorization, Accept-Encoding");
        let head = Response::fetch(ada.request(Method::HEAD, path)).await;
        assert_eq!((head.status.as_u16(), head.body.as_str()), (200, ""));
        let rejected = Response::fetch(ada.request(Method::DELETE, path)).await;
        rejected.assert_problem(405, "METHOD_NOT_ALLOWED");
        assert_eq!(rejected.header("allow"), "GET, HEAD, OPTIONS");
        let with_if_match = Response::fetch(ada.get_request(path).header("if-match", "\"1\"")).await;
        with_if_match.assert_problem(412, "PRECONDITION_FAILED");
        let any = ada.get_request(path).header("if-match", "*").header("if-none-match", "*");
        let not_modified = Response::fetch(any).await;
        assert_eq!((not_modified.status.as_u16(), not_modified.body.as_str()), (304, ""));
        let strict =
            Response::fetch(ada.get_request(&format!("{path}?x=1")).header("prefer", "handling=strict"))
                .await;
        strict.assert_problem(400, "BAD_REQUEST");
    }
    for path in [format!("{path}/restore"), format!("{path}/copy")] {
        let anonymous = crate::support::client().post(format!("{}{path}", service.address));
        Response::fetch(anonymous).await.assert_problem(401, "UNAUTHORIZED");
        let rejected = ada.get(&path).await;
        rejected.assert_problem(405, "METHOD_NOT_ALLOWED");
        assert_eq!(rejected.header("allow"), "POST, OPTIONS");
    }
}

fn without_history(setup: Setup) -> Setup {
    setup.with("ICP__HISTORY__RETENTION_DAYS", "0")
}

on_both_databases!(requests_for_disabled_history_are_404, with without_history);
async fn requests_for_disabled_history_are_404(service: &Service) {
    let ada = service.user("user_ada");
    let created = ada.create(MINIMAL_BODY).await;
    let path = created.icp_path();
    ada.patch(&path, json!({"name": "other"})).await.assert_ok();
    for response in [
        ada.get(&format!("{path}/revisions")).await,
        ada.revision(&path, &created.version()).await,
        ada.restore(&path, &created.version()).await,
        ada.get(super::DELETED_LIST).await,
        ada.get(&format!("{}?cursor=x", super::DELETED_LIST)).await,
        ada.restore(&path, "not a revision").await,
        Response::fetch(ada.get_request(super::DELETED_LIST).header("if-match", "\"7\"")).await,
    ] {
        response.assert_problem(404, "NOT_FOUND");
        assert!(
            response.json()["detail"]
                .as_str()
                .is_some_and(|detail| detail.contains("history.retention_days is 0")),
            "{response:?}"
        );
    }
    assert_eq!(ada.copy(&path).await.status, 201, "a copy must succeed without history");
}
