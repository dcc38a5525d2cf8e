//! The versions of lists.

use std::num::NonZeroUsize;

use icp_ports::ListQuery;

use super::pages::after;
use super::support::{TestRepository, everything};
use crate::fixtures::icp;

pub(super) async fn changes_with_every_change_in_list(repository: TestRepository) {
    let query = everything("user_ada");
    let version = async || repository.read_list(&query).await.version;
    let mut seen = vec![version().await];
    let (one, other) = (icp(1).document(), icp(1).with("name", "other").document());
    let mut at = repository.insert_one(&one).await;
    seen.push(version().await);
    for (before, after) in [(&one, &other), (&other, &one)] {
        at = repository.change(before, after, at).await.expect("it is at that version");
        seen.push(version().await);
    }
    repository.insert_one(&icp(2).document()).await;
    seen.push(version().await);
    assert!(repository.remove(1, at).await);
    seen.push(version().await);
    for (index, version) in seen.iter().enumerate() {
        assert!(!seen.iter().skip(index + 1).any(|later| later == version), "{index} of {seen:?}");
    }
    assert_eq!(version().await, version().await, "without a change it stays");
}

pub(super) async fn ignores_other_users_icps(repository: TestRepository) {
    repository.insert_one(&icp(1).document()).await;
    let before = repository.read_list(&everything("user_ada")).await;
    repository.insert_one(&icp(3).users(["user_bob"]).document()).await;
    assert_eq!(repository.read_list(&everything("user_ada")).await, before);
}

pub(super) async fn ignores_max_bytes(repository: TestRepository) {
    repository.insert_all((1..=90).map(|number| icp(number).document())).await;
    for limit in [None, NonZeroUsize::new(10)] {
        let whole = ListQuery { limit, ..everything("user_ada") };
        let version = repository.read_list(&whole).await.version;
        for bytes in [1, 1_000, 10_000, usize::MAX] {
            let cut = ListQuery { max_bytes: NonZeroUsize::new(bytes), ..whole.clone() };
            let list = repository.read_list(&cut).await;
            assert_eq!(list.version, version, "{bytes} bytes, limit {limit:?}");
        }
    }
}

pub(super) async fn of_page_tells_whether_icps_follow(repository: TestRepository) {
    repository.insert_all((1..=4).map(|number| icp(number).document())).await;
    let first = ListQuery { limit: NonZeroUsize::new(2), ..everything("user_ada") };
    let next = repository.read_list(&first).await.next.expect("two ICPs follow");
    let second = after(&first, next);
    let before = repository.read_list(&second).await;
    repository.insert_all([icp(5).document()]).await;
    let followed = repository.read_list(&second).await;
    assert_eq!(before.icps, followed.icps);
    assert_ne!(before.version, followed.version);
    assert_eq!((before.next.is_some(), followed.next.is_some()), (false, true));
}
