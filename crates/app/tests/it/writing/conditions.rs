//! Entity tags and conditional requests.

use futures_util::future::join_all;
use reqwest::Method;
use reqwest::header::HeaderValue;
use serde_json::json;

use crate::support::services::on_both;
use crate::support::users::{SMB, User};
use crate::support::{LIST, Response, Service};

const NOBODYS: &str = "/api/v1/entities/icps/550e8400-e29b-41d4-a716-000000000000";

/// A tag of another version.
const OTHER: &str = "\"1\"";

/// The forms of a tag that are valid in every header.
fn strong_forms(tag: &str) -> Vec<String> {
    let bare = tag.trim_matches('"');
    vec![
        tag.to_owned(),
        "*".to_owned(),
        format!("\"x\", {tag}"),
        format!("{tag} ,{OTHER}"),
        format!("\"{bare}-gzip\""),
        format!("\"{bare}-gzip\""),
        format!("{OTHER},\"{bare}-deflate\""),
    ]
}

/// Tags that match no version, for reads and for writes.
fn no_forms(tag: &str) -> Vec<String> {
    let bare = tag.trim_matches('"');
    let forms = ["", "x", "\"\"", "\"*\"", OTHER, "\"1-gzip\"", "W/\"1\"", "w/", "**", "\"x\", \"y\""];
    let near = [bare.to_owned(), format!("\"{bare}"), format!("\"{bare}-compress\""), format!("\"0{bare}\"")];
    forms.map(str::to_owned).into_iter().chain(near).collect()
}

on_both!(conditions_have_at_most_thousand_tags);
async fn conditions_have_at_most_thousand_tags(service: &Service) {
    let ada = service.user("user_ada");
    let path = ada.create(SMB).await.icp_path();
    for header in ["if-match", "if-none-match"] {
        let send = |count| Response::of(ada.get_request(&path).header(header, vec![OTHER; count].join(",")));
        assert_eq!(send(1_000).await.status, if header == "if-match" { 412 } else { 200 });
        let refused = send(1_001).await;
        refused.assert_problem(400, "BAD_REQUEST");
        assert_eq!(refused.json()["errors"][0]["parameter"], header);
    }
}

fn weak_forms(tag: &str) -> [String; 2] {
    [format!("W/{tag}"), format!("W/\"{}-gzip\"", tag.trim_matches('"'))]
}

async fn get_unless(user: &User<'_>, path: &str, tag: &str) -> Response {
    Response::of(user.get_request(path).header("if-none-match", tag)).await
}

async fn patch_if(user: &User<'_>, path: &str, tag: &str, body: &str) -> Response {
    Response::of(user.patch_request(path, body).header("if-match", tag)).await
}

async fn delete_if(user: &User<'_>, path: &str, tag: &str) -> Response {
    Response::of(user.delete_request(path).header("if-match", tag)).await
}

on_both!(etag_is_strong_and_changes_only_with_icp);
async fn etag_is_strong_and_changes_only_with_icp(service: &Service) {
    let ada = service.user("user_ada");
    let created = ada.create(SMB).await;
    let path = created.icp_path();
    assert!(created.etag().starts_with('"') && created.etag().ends_with('"'), "{created:?}");
    let mut tags = vec![created.etag().to_owned()];
    for body in [r#"{"name":"a"}"#, r#"{"name":"SMB"}"#, r#"{"userIds":["user_ada","user_bob"]}"#] {
        let patched = ada.patch(&path, body).await.ok();
        assert!(!tags.contains(&patched.etag().to_owned()), "{} is new", patched.etag());
        tags.push(patched.etag().to_owned());
        ada.create(SMB).await;
        for unchanged in [ada.get(&path).await, ada.patch(&path, body).await, ada.get(&path).await] {
            assert_eq!(unchanged.ok().etag(), patched.etag());
        }
    }
    for reader in [service.user("user_bob"), service.admin("user_root")] {
        assert_eq!(reader.get(&path).await.ok().etag(), tags[3], "the same tag for every reader");
    }
}

on_both!(unchanged_icp_is_not_sent_again);
async fn unchanged_icp_is_not_sent_again(service: &Service) {
    let ada = service.user("user_ada");
    let created = ada.create(SMB).await;
    let (path, tag) = (created.icp_path(), created.etag());
    for form in strong_forms(tag).iter().chain(&weak_forms(tag)) {
        let unchanged = get_unless(&ada, &path, form).await;
        assert_eq!((unchanged.status.as_u16(), unchanged.body.as_str()), (304, ""), "{form}");
        assert_eq!(unchanged.etag(), tag, "{form}");
        assert!(!unchanged.header("x-request-id").is_empty());
        assert_eq!(unchanged.header("cache-control"), "private, no-cache");
        assert_eq!(unchanged.header("vary"), "Authorization, Accept-Encoding");
    }
    for form in no_forms(tag) {
        assert_eq!(get_unless(&ada, &path, &form).await.ok().body, created.body, "{form:?}");
    }
    let two_lines = ada.get_request(&path).header("if-none-match", OTHER).header("if-none-match", tag);
    assert_eq!(Response::of(two_lines).await.status, 304);
    let patched = ada.patch(&path, r#"{"name":"new"}"#).await.ok();
    assert_eq!(get_unless(&ada, &path, tag).await.ok().body, patched.body, "it has changed");
}

on_both!(if_match_allows_named_version_only);
async fn if_match_allows_named_version_only(service: &Service) {
    let ada = service.user("user_ada");
    let path = ada.create(SMB).await.icp_path();
    let before = ada.patch(&path, r#"{"name":"new"}"#).await.ok();
    for form in no_forms(before.etag()).iter().chain(&weak_forms(before.etag())) {
        for body in [r#"{"name":"mine"}"#, "{}"] {
            let refused = patch_if(&ada, &path, form, body).await;
            refused.assert_problem(412, "PRECONDITION_FAILED");
        }
        delete_if(&ada, &path, form).await.assert_problem(412, "PRECONDITION_FAILED");
    }
    let binary = HeaderValue::from_bytes(b"\"\xff\"").expect("the header must be valid");
    Response::of(ada.patch_request(&path, "{}").header("if-match", binary))
        .await
        .assert_problem(412, "PRECONDITION_FAILED");
    let read = ada.get(&path).await;
    assert_eq!((&read.body, read.etag()), (&before.body, before.etag()), "nothing was changed");

    let mut tag = before.etag().to_owned();
    for number in 0..strong_forms(&tag).len() {
        let form = strong_forms(&tag).swap_remove(number);
        let name = format!("name {number}");
        let patched = patch_if(&ada, &path, &form, &json!({"name": name}).to_string()).await.ok();
        assert_eq!(patched.json()["name"], name, "{form}");
        tag = patched.etag().to_owned();
    }
    for number in 0..strong_forms(&tag).len() {
        let created = ada.create(SMB).await;
        let form = strong_forms(created.etag()).swap_remove(number);
        assert_eq!(delete_if(&ada, &created.icp_path(), &form).await.status, 204, "{form}");
    }
    assert_eq!(ada.listed().await, ["name 6"], "the others were deleted");
}

on_both!(change_without_condition_applies_to_any_version);
async fn change_without_condition_applies_to_any_version(service: &Service) {
    let ada = service.user("user_ada");
    let path = ada.create(SMB).await.icp_path();
    for name in ["a", "b"] {
        assert_eq!(ada.patch(&path, json!({"name": name})).await.ok().json()["name"], name);
    }
    assert_eq!(ada.delete(&path).await.status, 204);
}

on_both!(access_is_checked_before_condition);
async fn access_is_checked_before_condition(service: &Service) {
    let [ada, eve] = ["user_ada", "user_eve"].map(|id| service.user(id));
    let created = ada.create(SMB).await;
    let path = created.icp_path();
    for tag in [created.etag(), OTHER, "*"] {
        get_unless(&eve, &path, tag).await.assert_problem(403, "FORBIDDEN");
        patch_if(&eve, &path, tag, r#"{"name":"mine"}"#).await.assert_problem(403, "FORBIDDEN");
        delete_if(&eve, &path, tag).await.assert_problem(403, "FORBIDDEN");
        get_unless(&ada, NOBODYS, tag).await.assert_problem(404, "NOT_FOUND");
        patch_if(&ada, NOBODYS, tag, "{}").await.assert_problem(404, "NOT_FOUND");
        delete_if(&ada, NOBODYS, tag).await.assert_problem(404, "NOT_FOUND");
    }
    assert_eq!(ada.list().await, format!("[{}]", created.body));
}

on_both!(one_of_sixteen_conditional_changes_succeeds);
async fn one_of_sixteen_conditional_changes_succeeds(service: &Service) {
    let ada = service.user("user_ada");
    let mut last = ada.create(SMB).await;
    let path = last.icp_path();
    for round in 0..3 {
        let bodies = (0..16).map(|number| json!({"name": format!("{round}.{number}")}).to_string());
        let patches =
            bodies.map(|body| Response::of(ada.patch_request(&path, &body).header("if-match", last.etag())));
        let responses = join_all(patches).await;
        let (mut done, late): (Vec<_>, Vec<_>) =
            responses.into_iter().partition(|response| response.status == 200);
        for response in late {
            response.assert_problem(412, "PRECONDITION_FAILED");
        }
        assert_eq!(done.len(), 1, "{done:?}");
        last = done.remove(0);
        assert_eq!(ada.get(&path).await.body, last.body);
    }
}

on_both!(conditional_change_and_delete_exclude_each_other);
async fn conditional_change_and_delete_exclude_each_other(service: &Service) {
    let ada = service.user("user_ada");
    for _ in 0..10 {
        let created = ada.create(SMB).await;
        let (path, tag) = (created.icp_path(), created.etag());
        let (patched, deleted) =
            tokio::join!(patch_if(&ada, &path, tag, r#"{"name":"new"}"#), delete_if(&ada, &path, tag));
        let left = ada.get(&path).await;
        match (patched.status.as_u16(), deleted.status.as_u16()) {
            (200, 412) => assert_eq!(left.ok().body, patched.body),
            (404 | 412, 204) => left.assert_problem(404, "NOT_FOUND"),
            _ => panic!("{patched:?} {deleted:?}"),
        }
    }
}

on_both!(old_etag_never_matches_recreated_icp);
async fn old_etag_never_matches_recreated_icp(service: &Service) {
    let ada = service.user("user_ada");
    let created = ada.create(SMB).await;
    let path = created.icp_path();
    let patched = ada.patch(&path, r#"{"name":"new"}"#).await.ok();
    assert_eq!(ada.delete(&path).await.status, 204);
    service.import(&created.body, &[]);
    let imported = ada.get(&path).await.ok();
    assert_eq!(imported.body, created.body);
    service.import(&patched.body, &["--on-conflict", "replace"]);
    let replaced = ada.get(&path).await.ok();
    assert_eq!(replaced.body, patched.body);
    assert_ne!(replaced.etag(), imported.etag());
    for old in [created.etag(), patched.etag(), imported.etag()] {
        assert_eq!(get_unless(&ada, &path, old).await.ok().body, patched.body);
        patch_if(&ada, &path, old, r#"{"name":"x"}"#).await.assert_problem(412, "PRECONDITION_FAILED");
        delete_if(&ada, &path, old).await.assert_problem(412, "PRECONDITION_FAILED");
    }
    let head = ada.request(Method::HEAD, &path).header("if-none-match", replaced.etag());
    assert_eq!(Response::of(head).await.status, 304);
}

// RFC 9110, section 13.1: both headers apply to every method.
on_both!(preconditions_count_for_every_method);
async fn preconditions_count_for_every_method(service: &Service) {
    let ada = service.user("user_ada");
    let created = ada.create(SMB).await;
    let (path, tag) = (created.icp_path(), created.etag());
    let list = ada.get(LIST).await.ok();
    let failing = [
        ada.get_request(&path).header("if-match", "\"7\""),
        ada.get_request(&path).header("if-match", "\"7\"").header("if-none-match", tag),
        ada.get_request(LIST).header("if-match", "\"0000000000000007\""),
        ada.patch_request(&path, r#"{"name":"x"}"#).header("if-none-match", "*"),
        ada.patch_request(&path, r#"{"name":"x"}"#).header("if-none-match", tag),
        ada.patch_request(&path, "{}").header("if-none-match", format!("W/{tag}")),
        ada.delete_request(&path).header("if-none-match", "*"),
        ada.delete_request(&path).header("if-none-match", tag),
        ada.post_request(SMB).header("if-none-match", "*"),
        ada.post_request(SMB).header("if-none-match", list.etag()),
        ada.post_request(SMB).header("if-match", "\"0000000000000007\""),
    ];
    for request in failing {
        Response::of(request).await.assert_problem(412, "PRECONDITION_FAILED");
    }
    assert_eq!(ada.list().await, list.body, "nothing was changed");
    for request in [
        ada.get_request(&path).header("if-match", tag),
        ada.get_request(LIST).header("if-match", list.etag()),
        ada.get_request(LIST).header("if-match", "*"),
        ada.patch_request(&path, "{}").header("if-none-match", "\"7\""),
    ] {
        Response::of(request).await.ok();
    }
    let known = ada.get_request(&path).header("if-match", tag).header("if-none-match", tag);
    assert_eq!(Response::of(known).await.status, 304);
    assert_eq!(Response::of(ada.post_request(SMB).header("if-match", list.etag())).await.status, 201);
}
