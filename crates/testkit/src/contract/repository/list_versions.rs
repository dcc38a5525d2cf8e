//! The versions of lists.

use std::num::NonZeroUsize;

use icp_ports::{ListFilter, ListQuery, ListStart, ListVersion, Sort};

use super::pages::after;
use super::support::{TestRepository, all_icps_query};
use crate::fixtures::icp;

fn assert_distinct(versions: &[ListVersion]) {
    for (index, version) in versions.iter().enumerate() {
        assert!(
            !versions.iter().skip(index + 1).any(|later| later == version),
            "version {index} must not occur again: {versions:?}"
        );
    }
}

pub(super) async fn list_change_changes_version(repository: TestRepository) {
    let query = all_icps_query("user_ada");
    let version = async || repository.read_list(&query).await.version;
    let mut versions = vec![version().await];
    let (original, renamed) = (icp(1).document(), icp(1).with("name", "other").document());
    let mut icp_version = repository.insert_one(&original).await;
    versions.push(version().await);
    for (before, after) in [(&original, &renamed), (&renamed, &original)] {
        icp_version = repository
            .change(before, after, icp_version)
            .await
            .expect("the ICP must have the expected version");
        versions.push(version().await);
    }
    repository.insert_one(&icp(2).document()).await;
    versions.push(version().await);
    assert!(repository.remove(1, icp_version).await);
    versions.push(version().await);
    assert_distinct(&versions);
    assert_eq!(version().await, version().await, "the version must not change without a change of the list");
}

pub(super) async fn active_until_change_changes_version(repository: TestRepository) {
    let [none, march, april] = [None, Some("2024-03-01T00:00:00.000Z"), Some("2024-04-01T00:00:00.000Z")]
        .map(|end| icp(1).with("activeUntil", end).document());
    repository.insert_one(&icp(2).with("activeUntil", "2024-03-15T00:00:00.000Z").document()).await;
    let start = ListStart::Beginning(Sort::ActiveUntil);
    let sorted = ListQuery { start, ..all_icps_query("user_ada") };
    let filter = ListFilter { expires_before: april.active_until(), ..ListFilter::default() };
    let filtered = ListQuery { filter, ..all_icps_query("user_ada") };
    let mut icp_version = repository.insert_one(&none).await;
    let mut sorted_versions = vec![repository.read_list(&sorted).await.version];
    let mut filtered_versions = vec![repository.read_list(&filtered).await.version];
    for (before, after) in [(&none, &april), (&april, &march), (&march, &april), (&april, &none)] {
        icp_version = repository
            .change(before, after, icp_version)
            .await
            .expect("the ICP must have the expected version");
        sorted_versions.push(repository.read_list(&sorted).await.version);
        filtered_versions.push(repository.read_list(&filtered).await.version);
    }
    assert_distinct(&sorted_versions);
    let [first, in_april, in_march, in_april_again, last] =
        filtered_versions.try_into().expect("there must be five versions");
    assert_eq!(
        [in_april, in_april_again, last],
        [first; 3],
        "the filter must match the ICP only while it ends in March"
    );
    assert_ne!(in_march, first);
}

pub(super) async fn other_users_icps_do_not_change_version(repository: TestRepository) {
    repository.insert_one(&icp(1).document()).await;
    let before = repository.read_list(&all_icps_query("user_ada")).await;
    repository.insert_one(&icp(3).users(["user_bob"]).document()).await;
    assert_eq!(repository.read_list(&all_icps_query("user_ada")).await, before);
}

pub(super) async fn max_bytes_does_not_change_version(repository: TestRepository) {
    repository.insert_all((1..=90).map(|number| icp(number).document())).await;
    for limit in [None, NonZeroUsize::new(10)] {
        let whole = ListQuery { limit, ..all_icps_query("user_ada") };
        let version = repository.read_list(&whole).await.version;
        for bytes in [1, 1_000, 10_000, usize::MAX] {
            let truncated = ListQuery { max_bytes: NonZeroUsize::new(bytes), ..whole.clone() };
            let list = repository.read_list(&truncated).await;
            assert_eq!(list.version, version, "{bytes} bytes, limit {limit:?}");
        }
    }
}

pub(super) async fn page_version_depends_on_following_icps(repository: TestRepository) {
    repository.insert_all((1..=4).map(|number| icp(number).document())).await;
    let first = ListQuery { limit: NonZeroUsize::new(2), ..all_icps_query("user_ada") };
    let next = repository.read_list(&first).await.next.expect("two ICPs follow");
    let second = after(&first, next);
    let before = repository.read_list(&second).await;
    repository.insert_all([icp(5).document()]).await;
    let after_insert = repository.read_list(&second).await;
    assert_eq!(before.icps, after_insert.icps);
    assert_ne!(before.version, after_insert.version);
    assert_eq!((before.next.is_some(), after_insert.next.is_some()), (false, true));
}
