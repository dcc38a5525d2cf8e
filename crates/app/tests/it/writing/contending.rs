//! Tests concurrent changes of one ICP.

use std::collections::BTreeSet;

use futures_util::future::join_all;
use serde_json::json;

use crate::support::services::on_both_databases;
use crate::support::users::{MINIMAL_BODY, User};
use crate::support::{Response, Service};

on_both_databases!(concurrent_changes_of_different_fields_all_persist);
async fn concurrent_changes_of_different_fields_all_persist(service: &Service) {
    let ada = service.user("user_ada");
    let path = ada.create(MINIMAL_BODY).await.icp_path();
    for round in 1..=10 {
        let changes = [
            ("name", json!(format!("name {round}"))),
            ("description", json!(format!("description {round}"))),
            (
                "leadProviderCriteria",
                json!([{"provider": "baseProvider", "type": "person", "filters": {"n": round}}]),
            ),
            ("customFilterCriteria", json!([{"type": "minDaysUntilReuse", "value": round}])),
            ("crmFilters", json!({"provider": "bullhorn", "filters": [], "query": format!("{round}")})),
            ("userIds", json!(["user_ada", format!("user_{round}")])),
            ("leadsPerList", json!(10 + round)),
            ("activeUntil", json!(format!("20{:02}-01-01T00:00:00.000Z", 30 + round))),
        ];
        let patches = changes.iter().map(|(field, value)| ada.patch(&path, json!({*field: value})));
        let responses = join_all(patches).await;
        let tags: BTreeSet<_> = responses.iter().map(Response::etag).collect();
        assert!(responses.iter().all(|response| response.status == 200), "{responses:?}");
        assert_eq!(tags.len(), changes.len(), "each change must have created a version");
        let icp = ada.get(&path).await.json();
        for (field, value) in &changes {
            assert_eq!(icp[field], *value, "{field} in round {round}");
        }
    }
}

on_both_databases!(latest_of_sixteen_concurrent_changes_is_stored);
async fn latest_of_sixteen_concurrent_changes_is_stored(service: &Service) {
    let users: Vec<User<'_>> = (0..16).map(|number| service.user(&format!("user_{number}"))).collect();
    let ids: Vec<String> = (0..16).map(|number| format!("user_{number}")).collect();
    let body = json!({"name": "SMB", "leadProviderCriteria": [], "userIds": ids});
    let path = users[0].create(body).await.icp_path();
    let patches = users.iter().zip(&ids).map(|(user, id)| user.patch(&path, json!({"name": id})));
    let responses = join_all(patches).await;
    assert!(responses.iter().all(|response| response.status == 200), "{responses:?}");
    for (response, id) in responses.iter().zip(&ids) {
        assert_eq!(response.json()["name"], **id, "each response must contain the change of its request");
    }
    let last = responses.iter().max_by_key(|response| response.json()["updatedAt"].to_string());
    assert_eq!(users[0].get(&path).await.body, last.expect("there must be responses").body);
}
