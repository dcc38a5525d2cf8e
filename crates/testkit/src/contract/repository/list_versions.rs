//! The versions of lists.

use std::num::NonZeroUsize;

use icp_ports::{ListFilter, ListQuery, ListStart, ListVersion, Sort};

use super::pages::after;
use super::support::{TestRepository, everything};
use crate::fixtures::icp;

fn assert_distinct(versions: &[ListVersion]) {
    for (index, version) in versions.iter().enumerate() {
        assert!(!versions.iter().skip(index + 1).any(|later| later == version), "{index} of {versions:?}");
    }
}

pub(super) async fn changes_with_every_change_in_list(repository: TestRepository) {
    let query = everything("user_ada");
    let version = async || repository.read_list(&query).await.version;
    let mut seen = vec![version().await];
    let (one, other) = (icp(1).document(), icp(1).with("name", "other").document());
    let mut at = repository.insert_one(&one).await;
    seen.push(version().await);
    for (before, after) in [(&one, &other), (&other, &one)] {
        at = repository.change(before, after, at).await.expect("must be at that version");
        seen.push(version().await);
    }
    repository.insert_one(&icp(2).document()).await;
    seen.push(version().await);
    assert!(repository.remove(1, at).await);
    seen.push(version().await);
    assert_distinct(&seen);
    assert_eq!(version().await, version().await, "the version does not change without a change of the list");
}

pub(super) async fn follows_changes_of_active_until(repository: TestRepository) {
    let [none, march, april] = [None, Some("2024-03-01T00:00:00.000Z"), Some("2024-04-01T00:00:00.000Z")]
        .map(|end| icp(1).with("activeUntil", end).document());
    repository.insert_one(&icp(2).with("activeUntil", "2024-03-15T00:00:00.000Z").document()).await;
    let start = ListStart::Beginning(Sort::ActiveUntil);
    let sorted = ListQuery { start, ..everything("user_ada") };
    let filter = ListFilter { expires_before: april.active_until(), ..ListFilter::default() };
    let filtered = ListQuery { filter, ..everything("user_ada") };
    let mut at = repository.insert_one(&none).await;
    let mut of_sorted = vec![repository.read_list(&sorted).await.version];
    let mut of_filtered = vec![repository.read_list(&filtered).await.version];
    for (before, after) in [(&none, &april), (&april, &march), (&march, &april), (&april, &none)] {
        at = repository.change(before, after, at).await.expect("must be at that version");
        of_sorted.push(repository.read_list(&sorted).await.version);
        of_filtered.push(repository.read_list(&filtered).await.version);
    }
    assert_distinct(&of_sorted);
    let [first, in_april, in_march, in_april_again, last] = of_filtered.try_into().expect("five versions");
    assert_eq!([in_april, in_april_again, last], [first; 3], "the list has it in March only");
    assert_ne!(in_march, first);
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
