//! Lists with a limit.

use std::num::NonZeroUsize;

use icp_domain::Icp;
use icp_ports::{IcpList, ListCursor, ListQuery, ListStart};

use super::filters::{expected, orders, varied};
use super::support::{TestRepository, array, everything};
use crate::fixtures::{icp, id};

fn limit(number: usize) -> Option<NonZeroUsize> {
    NonZeroUsize::new(number)
}

/// The same query, from another start.
pub(super) fn after(query: &ListQuery, cursor: ListCursor) -> ListQuery {
    ListQuery { start: ListStart::After(cursor), ..query.clone() }
}

/// Reads a list to its end, following `next`.
pub(super) async fn pages(repository: &TestRepository, query: &ListQuery) -> Vec<IcpList> {
    let mut pages = vec![repository.read_list(query).await];
    while let Some(next) = pages.last().and_then(|page| page.next.clone()) {
        pages.push(repository.read_list(&after(query, next)).await);
    }
    pages
}

pub(super) async fn pages_add_up_to_whole_list(repository: TestRepository) {
    let documents = varied();
    repository.insert_all(documents.clone()).await;
    for size in [1, 7, 95, 96, 97] {
        for order in orders() {
            let query = ListQuery { limit: limit(size), ..order };
            let pages = pages(&repository, &query).await;
            assert_eq!(pages.len(), 96_usize.div_ceil(size), "no page is empty: {query:?}");
            assert!(pages.iter().all(|page| page.icps.len() <= size), "{query:?}");
            let texts = pages.iter().map(|page| page.icps.to_json());
            let texts: Vec<_> =
                texts.map(|text| text.trim_start_matches('[').trim_end_matches(']').to_owned()).collect();
            let whole = format!("[{}]", texts.join(","));
            assert_eq!(whole, array(expected(&documents, &query)), "{query:?}");
        }
    }
}

pub(super) async fn page_after_deleted_icp_starts_at_its_position(repository: TestRepository) {
    repository.insert_all((1..=9).map(|number| icp(number).document())).await;
    let query = ListQuery { limit: limit(3), ..everything("user_ada") };
    let next = repository.read_list(&query).await.next.expect("six ICPs follow");
    assert!(repository.remove(3, repository.found(3).await.version).await);
    let page = repository.read_list(&after(&query, next)).await;
    let documents: Vec<_> = (4..=6).map(|number| icp(number).document()).collect();
    assert_eq!(page.icps.to_json(), array(&documents));
}

pub(super) async fn writes_do_not_move_other_icps_between_pages(repository: TestRepository) {
    repository.insert_all((1..=200).map(|number| icp(number * 10).document())).await;
    let writer = {
        let repository = repository.second();
        tokio::spawn(async move {
            for round in 0..60_u128 {
                let number = 5 + round * 30;
                let document = icp(number).document();
                let version = repository.insert_one(&document).await;
                let changed = icp(number).with("name", "changed").document();
                let version = repository.change(&document, &changed, version).await;
                let version = version.expect("there is one writer");
                if round % 2 == 0 {
                    assert!(repository.remove(number, version).await);
                }
            }
        })
    };
    let query = ListQuery { limit: limit(9), ..everything("user_ada") };
    let mut rounds = 0;
    while !writer.is_finished() || rounds < 3 {
        let pages = pages(&repository, &query).await;
        let icps = pages.iter().flat_map(|page| {
            serde_json::from_str::<Vec<Icp>>(&page.icps.to_json()).expect("a list contains ICPs")
        });
        let ids: Vec<_> = icps.map(|icp| icp.id).collect();
        for number in 1..=200_u128 {
            let times = ids.iter().filter(|listed| **listed == id(number * 10)).count();
            assert_eq!(times, 1, "ICP {} is on one page", number * 10);
        }
        rounds += 1;
    }
    writer.await.expect("the writer panicked");
}
