//! Changes, shares and restores of one ICP at the same moment.

use futures_util::future::join_all;
use serde_json::{Value, json};

use super::{each, icp_text};
use crate::support::services::on_both;
use crate::support::users::SMB;
use crate::support::{Answer, Service};

on_both!(every_acknowledged_change_is_in_history_once_and_in_order);
async fn every_acknowledged_change_is_in_history_once_and_in_order(service: &Service) {
    let ada = service.user("user_ada");
    let created = ada.create(SMB).await;
    let path = created.icp_path();
    let write = async |number: usize| -> Answer {
        match number % 4 {
            0 => ada.share(&path, &format!("user_{number}")).await,
            1 => ada.restore(&path, &created.version()).await,
            _ => ada.patch(&path, json!({"leadsPerList": 100 + number})).await,
        }
    };
    let mut answers = join_all((0..64).map(write)).await;
    assert!(answers.iter().all(|answer| answer.status == 200), "{answers:?}");
    answers.push(created.clone());
    // A restore that found nothing to change is no change: it answers the version that it found.
    let number = |answer: &Answer| answer.version().parse::<i64>().expect("a number");
    answers.sort_by_key(|answer| std::cmp::Reverse(number(answer)));
    answers.dedup_by_key(|answer| number(answer));
    let revisions = ada.revisions(&path).await;
    let acknowledged: Vec<Value> = answers.iter().map(|answer| json!(answer.version())).collect();
    assert_eq!(each(&revisions, "revision"), acknowledged);
    for answer in answers {
        let revision = ada.revision(&path, &answer.version()).await.ok();
        assert_eq!(icp_text(&revision), answer.body, "the state that was answered at that version");
    }
}
