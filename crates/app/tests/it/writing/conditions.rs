//! Tests entity tags and conditional requests for one ICP.

use futures_util::future::join_all;
use reqwest::Method;
use reqwest::header::HeaderValue;
use serde_json::json;

use crate::support::services::on_both_databases;
use crate::support::users::{MINIMAL_BODY, User};
use crate::support::{LIST, Response, Service};

const UNKNOWN_ICP_PATH: &str = "/api/v1/entities/icps/550e8400-e29b-41d4-a716-000000000000";

/// A tag that matches no version of the tested ICPs.
const OTHER_TAG: &str = "\"1\"";

/// Returns header values that match the version in `If-Match` and in `If-None-Match`.
fn matching_values(tag: &str) -> Vec<String> {
    let bare = tag.trim_matches('"');
    vec![
        tag.to_owned(),
        "*".to_owned(),
        format!("\"x\", {tag}"),
        format!("{tag} ,{OTHER_TAG}"),
        format!("\"{bare}-gzip\""),
        format!("{OTHER_TAG},\"{bare}-deflate\""),
    ]
}

/// Returns header values that match no version, in reads and in writes.
fn nonmatching_values(tag: &str) -> Vec<String> {
    let bare = tag.trim_matches('"');
    let unrelated =
        ["", "x", "\"\"", "\"*\"", OTHER_TAG, "\"1-gzip\"", "W/\"1\"", "w/", "**", "\"x\", \"y\""];
    let similar =
        [bare.to_owned(), format!("\"{bare}"), format!("\"{bare}-compress\""), format!("\"0{bare}\"")];
    unrelated.map(str::to_owned).into_iter().chain(similar).collect()
}

on_both_databases!(condition_with_1001_tags_is_rejected);
async fn condition_with_1001_tags_is_rejected(service: &Service) {
    let ada = service.user("user_ada");
    let path = ada.create(MINIMAL_BODY).await.icp_path();
    for header in ["if-match", "if-none-match"] {
        let send =
            |count| Response::fetch(ada.get_request(&path).header(header, vec![OTHER_TAG; count].join(",")));
        assert_eq!(send(1_000).await.status, if header == "if-match" { 412 } else { 200 });
        let rejected = send(1_001).await;
        rejected.assert_problem(400, "BAD_REQUEST");
        assert_eq!(rejected.json()["errors"][0]["parameter"], header);
    }
    let tags = vec![OTHER_TAG; 1_001].join(",");
    let with_both = ada.get_request(&path).header("if-match", &tags).header("if-none-match", &tags);
    let rejected = Response::fetch(with_both).await;
    assert_eq!(rejected.violations(), ["if-match too_long", "if-none-match too_long"]);
}

/// Returns header values that match the version only in `If-None-Match`.
fn weak_values(tag: &str) -> [String; 2] {
    [format!("W/{tag}"), format!("W/\"{}-gzip\"", tag.trim_matches('"'))]
}

async fn get_unless(user: &User<'_>, path: &str, tag: &str) -> Response {
    Response::fetch(user.get_request(path).header("if-none-match", tag)).await
}

async fn patch_if(user: &User<'_>, path: &str, tag: &str, body: &str) -> Response {
    Response::fetch(user.patch_request(path, body).header("if-match", tag)).await
}

async fn delete_if(user: &User<'_>, path: &str, tag: &str) -> Response {
    Response::fetch(user.delete_request(path).header("if-match", tag)).await
}

on_both_databases!(etag_is_strong_and_changes_only_with_icp);
async fn etag_is_strong_and_changes_only_with_icp(service: &Service) {
    let ada = service.user("user_ada");
    let created = ada.create(MINIMAL_BODY).await;
    let path = created.icp_path();
    assert!(created.etag().starts_with('"') && created.etag().ends_with('"'), "{created:?}");
    let mut tags = vec![created.etag().to_owned()];
    for body in [r#"{"name":"a"}"#, r#"{"name":"SMB"}"#, r#"{"userIds":["user_ada","user_bob"]}"#] {
        let patched = ada.patch(&path, body).await.assert_ok();
        assert!(!tags.contains(&patched.etag().to_owned()), "{} must be a new tag", patched.etag());
        tags.push(patched.etag().to_owned());
        ada.create(MINIMAL_BODY).await;
        for unchanged in [ada.get(&path).await, ada.patch(&path, body).await, ada.get(&path).await] {
            assert_eq!(unchanged.assert_ok().etag(), patched.etag());
        }
    }
    for reader in [service.user("user_bob"), service.admin("user_root")] {
        assert_eq!(reader.get(&path).await.assert_ok().etag(), tags[3], "every reader must get the same tag");
    }
}

on_both_databases!(if_none_match_returns_304_for_unchanged_icp);
async fn if_none_match_returns_304_for_unchanged_icp(service: &Service) {
    let ada = service.user("user_ada");
    let created = ada.create(MINIMAL_BODY).await;
    let (path, tag) = (created.icp_path(), created.etag());
    for value in matching_values(tag).iter().chain(&weak_values(tag)) {
        let unchanged = get_unless(&ada, &path, value).await;
        assert_eq!((unchanged.status.as_u16(), unchanged.body.as_str()), (304, ""), "{value}");
        assert_eq!(unchanged.etag(), tag, "{value}");
        assert!(!unchanged.header("x-request-id").is_empty());
        assert_eq!(unchanged.header("cache-control"), "private, no-cache");
        assert_eq!(unchanged.header("vary"), "Authorization, Accept-Encoding");
    }
    for value in nonmatching_values(tag) {
        assert_eq!(get_unless(&ada, &path, &value).await.assert_ok().body, created.body, "{value:?}");
    }
    let two_lines = ada.get_request(&path).header("if-none-match", OTHER_TAG).header("if-none-match", tag);
    assert_eq!(Response::fetch(two_lines).await.status, 304);
    let patched = ada.patch(&path, r#"{"name":"new"}"#).await.assert_ok();
    assert_eq!(
        get_unless(&ada, &path, tag).await.assert_ok().body,
        patched.body,
        "the service must send the changed ICP"
    );
}

on_both_databases!(if_match_rejects_other_versions);
async fn if_match_rejects_other_versions(service: &Service) {
    let ada = service.user("user_ada");
    let path = ada.create(MINIMAL_BODY).await.icp_path();
    let before = ada.patch(&path, r#"{"name":"new"}"#).await.assert_ok();
    for value in nonmatching_values(before.etag()).iter().chain(&weak_values(before.etag())) {
        for body in [r#"{"name":"mine"}"#, "{}"] {
            let rejected = patch_if(&ada, &path, value, body).await;
            rejected.assert_problem(412, "PRECONDITION_FAILED");
        }
        delete_if(&ada, &path, value).await.assert_problem(412, "PRECONDITION_FAILED");
    }
    let binary = HeaderValue::from_bytes(b"\"\xff\"").expect("the header must be valid");
    Response::fetch(ada.patch_request(&path, "{}").header("if-match", binary))
        .await
        .assert_problem(412, "PRECONDITION_FAILED");
    let read = ada.get(&path).await;
    assert_eq!((&read.body, read.etag()), (&before.body, before.etag()), "the ICP must be unchanged");

    let mut tag = before.etag().to_owned();
    for number in 0..matching_values(&tag).len() {
        let value = matching_values(&tag).swap_remove(number);
        let name = format!("name {number}");
        let patched = patch_if(&ada, &path, &value, &json!({"name": name}).to_string()).await.assert_ok();
        assert_eq!(patched.json()["name"], name, "{value}");
        tag = patched.etag().to_owned();
    }
    for number in 0..matching_values(&tag).len() {
        let created = ada.create(MINIMAL_BODY).await;
        let value = matching_values(created.etag()).swap_remove(number);
        assert_eq!(delete_if(&ada, &created.icp_path(), &value).await.status, 204, "{value}");
    }
    assert_eq!(ada.list_names().await, ["name 5"], "only the first ICP must remain");
}

on_both_databases!(change_without_condition_applies_to_any_version);
async fn change_without_condition_applies_to_any_version(service: &Service) {
    let ada = service.user("user_ada");
    let path = ada.create(MINIMAL_BODY).await.icp_path();
    for name in ["a", "b"] {
        assert_eq!(ada.patch(&path, json!({"name": name})).await.assert_ok().json()["name"], name);
    }
    assert_eq!(ada.delete(&path).await.status, 204);
}

on_both_databases!(access_is_checked_before_condition);
async fn access_is_checked_before_condition(service: &Service) {
    let [ada, eve] = ["user_ada", "user_eve"].map(|id| service.user(id));
    let created = ada.create(MINIMAL_BODY).await;
    let path = created.icp_path();
    for tag in [created.etag(), OTHER_TAG, "*"] {
        get_unless(&eve, &path, tag).await.assert_problem(403, "FORBIDDEN");
        patch_if(&eve, &path, tag, r#"{"name":"mine"}"#).await.assert_problem(403, "FORBIDDEN");
        delete_if(&eve, &path, tag).await.assert_problem(403, "FORBIDDEN");
        get_unless(&ada, UNKNOWN_ICP_PATH, tag).await.assert_problem(404, "NOT_FOUND");
        patch_if(&ada, UNKNOWN_ICP_PATH, tag, "{}").await.assert_problem(404, "NOT_FOUND");
        delete_if(&ada, UNKNOWN_ICP_PATH, tag).await.assert_problem(404, "NOT_FOUND");
    }
    assert_eq!(ada.list().await, format!("[{}]", created.body));
}

on_both_databases!(one_of_sixteen_conditional_changes_succeeds);
async fn one_of_sixteen_conditional_changes_succeeds(service: &Service) {
    let ada = service.user("user_ada");
    let mut last = ada.create(MINIMAL_BODY).await;
    let path = last.icp_path();
    for round in 0..3 {
        let bodies = (0..16).map(|number| json!({"name": format!("{round}.{number}")}).to_string());
        let patches = bodies
            .map(|body| Response::fetch(ada.patch_request(&path, &body).header("if-match", last.etag())));
        let responses = join_all(patches).await;
        let (mut succeeded, failed): (Vec<_>, Vec<_>) =
            responses.into_iter().partition(|response| response.status == 200);
        for response in failed {
            response.assert_problem(412, "PRECONDITION_FAILED");
        }
        assert_eq!(succeeded.len(), 1, "{succeeded:?}");
        last = succeeded.remove(0);
        assert_eq!(ada.get(&path).await.body, last.body);
    }
}

on_both_databases!(concurrent_conditional_change_or_delete_fails);
async fn concurrent_conditional_change_or_delete_fails(service: &Service) {
    let ada = service.user("user_ada");
    for _ in 0..10 {
        let created = ada.create(MINIMAL_BODY).await;
        let (path, tag) = (created.icp_path(), created.etag());
        let (patched, deleted) =
            tokio::join!(patch_if(&ada, &path, tag, r#"{"name":"new"}"#), delete_if(&ada, &path, tag));
        let remaining = ada.get(&path).await;
        match (patched.status.as_u16(), deleted.status.as_u16()) {
            (200, 412) => assert_eq!(remaining.assert_ok().body, patched.body),
            (404 | 412, 204) => remaining.assert_problem(404, "NOT_FOUND"),
            _ => panic!("{patched:?} {deleted:?}"),
        }
    }
}

on_both_databases!(old_etag_never_matches_recreated_icp);
async fn old_etag_never_matches_recreated_icp(service: &Service) {
    let ada = service.user("user_ada");
    let created = ada.create(MINIMAL_BODY).await;
    let path = created.icp_path();
    let patched = ada.patch(&path, r#"{"name":"new"}"#).await.assert_ok();
    assert_eq!(ada.delete(&path).await.status, 204);
    service.import(&created.body, &[]);
    let imported = ada.get(&path).await.assert_ok();
    assert_eq!(imported.body, created.body);
    service.import(&patched.body, &["--on-conflict", "replace"]);
    let replaced = ada.get(&path).await.assert_ok();
    assert_eq!(replaced.body, patched.body);
    assert_ne!(replaced.etag(), imported.etag());
    for old_tag in [created.etag(), patched.etag(), imported.etag()] {
        assert_eq!(get_unless(&ada, &path, old_tag).await.assert_ok().body, patched.body);
        patch_if(&ada, &path, old_tag, r#"{"name":"x"}"#).await.assert_problem(412, "PRECONDITION_FAILED");
        delete_if(&ada, &path, old_tag).await.assert_problem(412, "PRECONDITION_FAILED");
    }
    let head = ada.request(Method::HEAD, &path).header("if-none-match", replaced.etag());
    assert_eq!(Response::fetch(head).await.status, 304);
}

// RFC 9110, section 13.1, applies both headers to every method.
on_both_databases!(every_method_evaluates_both_preconditions);
async fn every_method_evaluates_both_preconditions(service: &Service) {
    let ada = service.user("user_ada");
    let created = ada.create(MINIMAL_BODY).await;
    let (path, tag) = (created.icp_path(), created.etag());
    let list = ada.get(LIST).await.assert_ok();
    let failing = [
        ada.get_request(&path).header("if-match", "\"7\""),
        ada.get_request(&path).header("if-match", "\"7\"").header("if-none-match", tag),
        ada.get_request(LIST).header("if-match", "\"0000000000000007\""),
        ada.patch_request(&path, r#"{"name":"x"}"#).header("if-none-match", "*"),
        ada.patch_request(&path, r#"{"name":"x"}"#).header("if-none-match", tag),
        ada.patch_request(&path, "{}").header("if-none-match", format!("W/{tag}")),
        ada.delete_request(&path).header("if-none-match", "*"),
        ada.delete_request(&path).header("if-none-match", tag),
        ada.post_request(MINIMAL_BODY).header("if-none-match", "*"),
        ada.post_request(MINIMAL_BODY).header("if-none-match", list.etag()),
        ada.post_request(MINIMAL_BODY).header("if-match", "\"0000000000000007\""),
    ];
    for request in failing {
        Response::fetch(request).await.assert_problem(412, "PRECONDITION_FAILED");
    }
    assert_eq!(ada.list().await, list.body, "the failed requests must change no ICP");
    for request in [
        ada.get_request(&path).header("if-match", tag),
        ada.get_request(LIST).header("if-match", list.etag()),
        ada.get_request(LIST).header("if-match", "*"),
        ada.patch_request(&path, "{}").header("if-none-match", "\"7\""),
    ] {
        Response::fetch(request).await.assert_ok();
    }
    let conditional = ada.get_request(&path).header("if-match", tag).header("if-none-match", tag);
    assert_eq!(Response::fetch(conditional).await.status, 304);
    assert_eq!(
        Response::fetch(ada.post_request(MINIMAL_BODY).header("if-match", list.etag())).await.status,
        201
    );
}
