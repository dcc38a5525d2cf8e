//! Tests the entity tags of lists, and requests with `If-None-Match`.

use std::collections::HashMap;
use std::time::Duration;

use icp_domain::Timestamp;
use icp_testkit::fixtures::icp;
use reqwest::Method;
use serde_json::json;

use crate::listing::unchanged::{assert_unchanged, get_unless};
use crate::support::services::on_both_databases;
use crate::support::users::{MINIMAL_BODY, User};
use crate::support::{LIST, Response, Service};

/// Checks the tags of a user's list over time. The same tag must always belong to the same body.
struct TagWatcher<'a> {
    user: &'a User<'a>,
    bodies: HashMap<String, String>,
    tag: String,
}

impl<'a> TagWatcher<'a> {
    async fn start(user: &'a User<'a>) -> Self {
        let list = user.get(LIST).await.assert_ok();
        let tag = list.etag().to_owned();
        assert!(tag.len() > 2 && tag.starts_with('"') && tag.ends_with('"'), "the tag must be strong: {tag}");
        Self { user, bodies: HashMap::from([(tag.clone(), list.body)]), tag }
    }

    async fn assert_changed(&mut self, change: &str) {
        let list = get_unless(self.user, LIST, &self.tag).await.assert_ok();
        assert_ne!(list.etag(), self.tag, "{change}");
        self.tag = list.etag().to_owned();
        let recorded_body = self.bodies.entry(self.tag.clone()).or_insert_with(|| list.body.clone());
        assert_eq!(*recorded_body, list.body, "{change}");
        self.assert_same(change).await;
    }

    async fn assert_same(&self, change: &str) {
        assert_eq!(self.user.get(LIST).await.assert_ok().etag(), self.tag, "{change}");
        assert_unchanged(&get_unless(self.user, LIST, &self.tag).await, &self.tag);
    }
}

on_both_databases!(etag_changes_only_with_list);
async fn etag_changes_only_with_list(service: &Service) {
    let [ada, bob] = ["user_ada", "user_bob"].map(|id| service.user(id));
    let mut watch = TagWatcher::start(&ada).await;
    watch.assert_same("no change").await;
    let own_path = ada.create(MINIMAL_BODY).await.icp_path();
    watch.assert_changed("a create").await;
    ada.patch(&own_path, r#"{"name":"new"}"#).await.assert_ok();
    watch.assert_changed("a patch").await;
    ada.patch(&own_path, r#"{"name":"new"}"#).await.assert_ok();
    watch.assert_same("a patch that changes nothing").await;
    let bobs_icp = bob.create(MINIMAL_BODY).await.icp_path();
    watch.assert_same("another user's create").await;
    bob.patch(&bobs_icp, r#"{"userIds":["user_bob","user_ada"]}"#).await.assert_ok();
    watch.assert_changed("a share").await;
    bob.patch(&bobs_icp, r#"{"description":"ours"}"#).await.assert_ok();
    watch.assert_changed("a patch by another user").await;
    bob.patch(&bobs_icp, r#"{"userIds":["user_bob"]}"#).await.assert_ok();
    watch.assert_changed("a revoked share").await;
    bob.create(json!({"name": "b", "leadProviderCriteria": [], "userIds": ["user_ada"]})).await;
    watch.assert_changed("a create for both users").await;
    assert_eq!(ada.delete(&own_path).await.status, 204);
    watch.assert_changed("a delete").await;
}

on_both_databases!(changes_of_other_icps_keep_etag);
async fn changes_of_other_icps_keep_etag(service: &Service) {
    let [ada, bob, root] = [service.user("user_ada"), service.user("user_bob"), service.admin("user_root")];
    ada.create(MINIMAL_BODY).await;
    let watch = TagWatcher::start(&ada).await;
    let bobs_icp = bob.create(MINIMAL_BODY).await.icp_path();
    watch.assert_same("a create").await;
    for change in
        [r#"{"name":"Bob's"}"#, r#"{"userIds":["user_bob","user_cy"]}"#, r#"{"userIds":["user_bob"]}"#]
    {
        bob.patch(&bobs_icp, change).await.assert_ok();
        watch.assert_same(change).await;
    }
    root.patch(&bobs_icp, r#"{"name":"an admin's"}"#).await.assert_ok();
    watch.assert_same("an admin's patch").await;
    assert_eq!(bob.delete(&bobs_icp).await.status, 204);
    watch.assert_same("a delete").await;
}

on_both_databases!(unchanged_list_gets_304);
async fn unchanged_list_gets_304(service: &Service) {
    let ada = service.user("user_ada");
    let empty = ada.get(LIST).await.assert_ok();
    assert_eq!(empty.body, "[]");
    assert_unchanged(&get_unless(&ada, LIST, empty.etag()).await, empty.etag());
    ada.create(MINIMAL_BODY).await;
    let list = ada.get(LIST).await.assert_ok();
    let (tag, opaque_tag) = (list.etag(), list.etag().trim_matches('"'));
    let matching = [
        tag.to_owned(),
        format!("W/{tag}"),
        "*".to_owned(),
        format!("\"x\", {tag}"),
        format!("{tag} ,W/\"1\",\"y\""),
        format!("{}, {tag}", empty.etag()),
        format!("\"{opaque_tag}-gzip\""),
        format!("W/\"{opaque_tag}-deflate\""),
    ];
    for header in matching {
        assert_unchanged(&get_unless(&ada, LIST, &header).await, tag);
    }
    let two_lines = ada.get_request(LIST).header("if-none-match", "\"x\"").header("if-none-match", tag);
    assert_unchanged(&Response::fetch(two_lines).await, tag);
    let not_matching =
        ["", "x", "\"\"", "\"*\"", "W/", "\"1\"", "\"x\", \"y\"", "**", "*, *", "\"0000000000000000\""];
    let almost_matching = [
        opaque_tag.to_owned(),
        format!("\"{opaque_tag}"),
        format!("\"{opaque_tag}0\""),
        format!("\"{opaque_tag}-x\""),
    ];
    for header in
        not_matching.map(str::to_owned).iter().chain(&almost_matching).chain([&empty.etag().to_owned()])
    {
        let sent = get_unless(&ada, LIST, header).await.assert_ok();
        assert_eq!((sent.body.as_str(), sent.etag()), (list.body.as_str(), tag), "{header:?}");
    }
}

on_both_databases!(etag_of_other_user_never_matches);
async fn etag_of_other_user_never_matches(service: &Service) {
    let [ada, bob] = ["user_ada", "user_bob"].map(|id| service.user(id));
    for user in [&ada, &bob] {
        user.create(MINIMAL_BODY).await;
    }
    let [adas_list, bobs_list] = [ada.get(LIST).await.assert_ok(), bob.get(LIST).await.assert_ok()];
    assert_eq!(get_unless(&ada, LIST, bobs_list.etag()).await.assert_ok().body, adas_list.body);
    assert_eq!(get_unless(&bob, LIST, adas_list.etag()).await.assert_ok().body, bobs_list.body);
    let path = format!("{LIST}?sort=name&name=smb");
    assert_eq!(get_unless(&bob, &path, adas_list.etag()).await.assert_ok().body, bobs_list.body);
    let without_token = crate::support::client().get(format!("{}{LIST}", service.address));
    let without_token = without_token.header("if-none-match", adas_list.etag());
    Response::fetch(without_token).await.assert_problem(401, "UNAUTHORIZED");
}

on_both_databases!(revoked_access_changes_etag);
async fn revoked_access_changes_etag(service: &Service) {
    let [ada, bob] = ["user_ada", "user_bob"].map(|id| service.user(id));
    let own_icp = bob.create(MINIMAL_BODY).await;
    let shared = json!({"name": "ours", "leadProviderCriteria": [], "userIds": ["user_bob"]});
    let path = ada.create(shared).await.icp_path();
    let before = bob.get(LIST).await.assert_ok();
    assert_unchanged(&get_unless(&bob, LIST, before.etag()).await, before.etag());
    ada.patch(&path, r#"{"userIds":["user_ada"]}"#).await.assert_ok();
    assert_eq!(get_unless(&bob, LIST, before.etag()).await.assert_ok().body, format!("[{}]", own_icp.body));
}

on_both_databases!(each_page_has_its_own_etag);
async fn each_page_has_its_own_etag(service: &Service) {
    let ada = service.user("user_ada");
    service.import_icps((1..=6).map(icp));
    let pages = ada.pages("limit=2").await;
    let [first, second, third] = pages.as_slice() else { panic!("there must be three pages: {pages:?}") };
    let complete_list = ada.get(LIST).await.assert_ok();
    let first_path = format!("{LIST}?limit=2");
    let [second_path, third_path] =
        [first, second].map(|page| page.next_page().expect("the page must have a next page"));
    let paths = [&first_path, &second_path, &third_path, &LIST.to_owned()];
    let responses = [first, second, third, &complete_list];
    for (number, path) in paths.iter().enumerate() {
        for (other, response) in responses.iter().enumerate() {
            let response_to_tag = get_unless(&ada, path, response.etag()).await;
            if number == other {
                assert_unchanged(&response_to_tag, response.etag());
            } else {
                assert_eq!(response_to_tag.assert_ok().body, responses[number].body, "{path}");
            }
        }
    }
    let last = format!("{LIST}/{}", third.icps()[1]["id"].as_str().expect("the ID must be a string"));
    ada.patch(&last, r#"{"name":"new"}"#).await.assert_ok();
    for (path, page) in [(&first_path, first), (&second_path, second)] {
        assert_unchanged(&get_unless(&ada, path, page.etag()).await, page.etag());
    }
    assert_ne!(get_unless(&ada, &third_path, third.etag()).await.assert_ok().body, third.body);
    for icp in third.icps() {
        assert_eq!(
            ada.delete(&format!("{LIST}/{}", icp["id"].as_str().expect("the ID must be a string")))
                .await
                .status,
            204
        );
    }
    let now_last = get_unless(&ada, &second_path, second.etag()).await.assert_ok();
    assert_eq!(
        (now_last.next_page(), now_last.body),
        (None, second.body.clone()),
        "the new last page must have no `Link`"
    );
}

on_both_databases!(head_has_headers_of_get);
async fn head_has_headers_of_get(service: &Service) {
    let ada = service.user("user_ada");
    service.import_icps((1..=3).map(icp));
    for query in ["", "?limit=2", "?name=nothing", "?sort=name&order=desc"] {
        let path = format!("{LIST}{query}");
        let get = ada.get(&path).await.assert_ok();
        let head = Response::fetch(ada.request(Method::HEAD, &path)).await.assert_ok();
        assert_eq!(head.body, "");
        for name in ["etag", "content-type", "content-length", "link", "vary", "cache-control"] {
            assert_eq!(head.header(name), get.header(name), "{name} of {path}");
        }
        let head = ada.request(Method::HEAD, &path).header("if-none-match", get.etag());
        assert_unchanged(&Response::fetch(head).await, get.etag());
    }
}

on_both_databases!(active_list_changes_when_icp_expires);
async fn active_list_changes_when_icp_expires(service: &Service) {
    let ada = service.user("user_ada");
    let other = service.user("user_bob").create(MINIMAL_BODY).await.json();
    let now: Timestamp =
        other["createdAt"].as_str().and_then(|time| time.parse().ok()).expect("createdAt must be a time");
    let end = Timestamp::from_unix_millis(now.unix_millis() + 3_000).expect("the time must be valid");
    service.import_icps([icp(1).with("activeUntil", end.to_string())]);
    let path = format!("{LIST}?active=true");
    let before = ada.get(&path).await.assert_ok();
    assert_eq!(before.numbers(), [1]);
    assert_unchanged(&get_unless(&ada, &path, before.etag()).await, before.etag());
    tokio::time::sleep(Duration::from_millis(3_100)).await;
    assert_eq!(get_unless(&ada, &path, before.etag()).await.assert_ok().body, "[]");
    assert_eq!(ada.find("active=false").await, [1]);
}
