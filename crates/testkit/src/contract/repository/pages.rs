//! Tests lists with a limit.

use std::num::NonZeroUsize;

use icp_domain::{Icp, IcpDocument, IcpId};
use icp_ports::{Direction, IcpList, ListCursor, ListQuery, ListStart, Sort, WireList};

use super::filters::{expected_documents, queries_in_every_order, varied_icps};
use super::support::{TestRepository, all_icps_query, assert_advances, json_array};
use crate::fixtures::{icp, id};

fn limit(number: usize) -> Option<NonZeroUsize> {
    NonZeroUsize::new(number)
}

fn ids(icps: &WireList) -> Vec<IcpId> {
    let icps: Vec<Icp> = serde_json::from_str(&icps.to_json()).expect("the list must contain ICPs");
    icps.into_iter().map(|icp| icp.id).collect()
}

/// Returns the query for the page that follows `cursor`.
pub(super) fn after(query: &ListQuery, cursor: ListCursor) -> ListQuery {
    ListQuery { start: ListStart::After(cursor), ..query.clone() }
}

/// Reads all pages of a list.
pub(super) async fn read_pages(repository: &TestRepository, query: &ListQuery) -> Vec<IcpList> {
    let mut pages = vec![repository.read_list(query).await];
    let mut position = None;
    while let Some(next) = pages.last().and_then(|page| page.next.clone()) {
        assert_advances(&mut position, &next);
        pages.push(repository.read_list(&after(query, next)).await);
    }
    pages
}

pub(super) async fn pages_add_up_to_list(repository: TestRepository) {
    let documents = varied_icps();
    repository.insert_all(documents.clone()).await;
    for size in [1, 2, 7, 95, 96, 97] {
        for ordered_query in queries_in_every_order() {
            let query = ListQuery { limit: limit(size), ..ordered_query };
            let pages = read_pages(&repository, &query).await;
            assert_eq!(
                pages.len(),
                documents.len().div_ceil(size),
                "the list must have as few pages as possible: {query:?}"
            );
            assert!(pages.iter().all(|page| page.icps.len() <= size), "{query:?}");
            let texts = pages.iter().map(|page| page.icps.to_json());
            let texts: Vec<_> =
                texts.map(|text| text.trim_start_matches('[').trim_end_matches(']').to_owned()).collect();
            let complete_list = format!("[{}]", texts.join(","));
            assert_eq!(complete_list, json_array(expected_documents(&documents, &query)), "{query:?}");
        }
    }
}

pub(super) async fn page_after_cursor_of_deleted_icp_starts_with_next_icp(repository: TestRepository) {
    let documents: Vec<_> = varied_icps().into_iter().take(24).collect();
    repository.insert_all(documents.clone()).await;
    let mut cursors = Vec::new();
    for ordered_query in queries_in_every_order() {
        let pages = read_pages(&repository, &ListQuery { limit: limit(1), ..ordered_query.clone() }).await;
        cursors.extend(
            pages.into_iter().filter_map(|page| page.next).map(|cursor| (ordered_query.clone(), cursor)),
        );
    }
    let is_deleted = |document: &IcpDocument| document.id().as_uuid().as_u128().is_multiple_of(2);
    for document in documents.iter().filter(|document| is_deleted(document)) {
        let number = document.id().as_uuid().as_u128();
        assert!(repository.remove(number, repository.must_find(number).await.version).await);
    }
    for (ordered_query, cursor) in cursors {
        let all_documents = expected_documents(&documents, &ordered_query).into_iter();
        let following = all_documents.skip_while(|document| document.id() != cursor.id).skip(1);
        let following = following.filter(|document| !is_deleted(document));
        let page = repository.read_list(&after(&ordered_query, cursor.clone())).await;
        assert_eq!(page.icps.to_json(), json_array(following), "{ordered_query:?} after {cursor:?}");
    }
}

pub(super) async fn icps_without_active_until_are_on_last_pages(repository: TestRepository) {
    let [first, middle, last] =
        ["0000-01-01T00:00:00.000Z", "2024-03-01T00:00:00.000Z", "9999-12-31T23:59:59.999Z"];
    let ends =
        [(1, None), (2, Some(middle)), (3, Some(first)), (4, None), (5, Some(middle)), (6, Some(last))];
    let documents = ends.map(|(number, end)| icp(number).with("activeUntil", end).document());
    repository.insert_all(documents).await;
    let expected_orders =
        [(Direction::Ascending, [3, 2, 5, 6, 1, 4]), (Direction::Descending, [6, 5, 2, 3, 4, 1])];
    for (direction, numbers) in expected_orders {
        for size in 1..=6 {
            let start = ListStart::Beginning(Sort::ActiveUntil);
            let query = ListQuery { start, direction, limit: limit(size), ..all_icps_query("user_ada") };
            let pages = read_pages(&repository, &query).await;
            let pages: Vec<Vec<_>> = pages.iter().map(|page| ids(&page.icps)).collect();
            let expected: Vec<Vec<_>> =
                numbers.chunks(size).map(|page| page.iter().copied().map(id).collect()).collect();
            assert_eq!(pages, expected, "{direction:?}");
        }
    }
}

pub(super) async fn writes_do_not_move_other_icps_between_pages(repository: TestRepository) {
    repository.insert_all((1..=200).map(|number| icp(number * 10).document())).await;
    let writer = {
        let repository = repository.second_instance();
        tokio::spawn(async move {
            for round in 0..60_u128 {
                let number = 5 + round * 30;
                let document = icp(number).document();
                let version = repository.insert_one(&document).await;
                let changed = icp(number).with("name", "changed").document();
                let version = repository.change(&document, &changed, version).await;
                let version = version.expect("only this task may change the ICP");
                if round % 2 == 0 {
                    assert!(repository.remove(number, version).await);
                }
            }
        })
    };
    let query = ListQuery { limit: limit(9), ..all_icps_query("user_ada") };
    let mut rounds = 0;
    while !writer.is_finished() || rounds < 3 {
        let pages = read_pages(&repository, &query).await;
        let ids: Vec<_> = pages.iter().flat_map(|page| ids(&page.icps)).collect();
        for number in 1..=200_u128 {
            let count = ids.iter().filter(|listed| **listed == id(number * 10)).count();
            assert_eq!(count, 1, "ICP {} must be on exactly one page", number * 10);
        }
        rounds += 1;
    }
    writer.await.expect("the writer must not panic");
}
