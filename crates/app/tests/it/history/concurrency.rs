//! Concurrent changes, shares and restores of one ICP.

use futures_util::future::join_all;
use serde_json::{Value, json};

use super::{icp_text, property_of_each};
use crate::support::services::on_both_databases;
use crate::support::users::MINIMAL_BODY;
use crate::support::{Response, Service};

on_both_databases!(concurrent_changes_are_recorded_once_in_order);
async fn concurrent_changes_are_recorded_once_in_order(service: &Service) {
    let ada = service.user("user_ada");
    let created = ada.create(MINIMAL_BODY).await;
    let path = created.icp_path();
    let write = async |number: usize| -> Response {
        match number % 4 {
            0 => ada.share(&path, &format!("user_{number}")).await,
            1 => ada.restore(&path, &created.version()).await,
            _ => ada.patch(&path, json!({"leadsPerList": 100 + number})).await,
        }
    };
    let mut responses = join_all((0..64).map(write)).await;
    assert!(responses.iter().all(|response| response.status == 200), "{responses:?}");
    responses.push(created.clone());
    // A restore without effect creates no revision. Its response has the version of an earlier change.
    let version = |response: &Response| response.version().parse::<i64>().expect("the text must be a number");
    responses.sort_by_key(|response| std::cmp::Reverse(version(response)));
    responses.dedup_by_key(|response| version(response));
    let revisions = ada.revisions(&path).await;
    let acknowledged: Vec<Value> = responses.iter().map(|response| json!(response.version())).collect();
    assert_eq!(property_of_each(&revisions, "revision"), acknowledged);
    for response in responses {
        let revision = ada.revision(&path, &response.version()).await.assert_ok();
        assert_eq!(icp_text(&revision), response.body, "the revision must contain the ICP of the response");
    }
}
