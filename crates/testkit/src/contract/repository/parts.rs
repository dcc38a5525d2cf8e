//! Lists whose number of bytes is limited, and lists that are read in parts.

use std::num::NonZeroUsize;

use icp_domain::{Icp, IcpDocument};
use icp_ports::{ListQuery, WireList};

use super::filters::{filters, queries_in_every_order, varied_icps};
use super::pages::{after, read_pages};
use super::support::{TestRepository, all_icps_query, assert_advances, json_array};
use crate::fixtures::icp;

fn max_bytes(number: usize) -> Option<NonZeroUsize> {
    NonZeroUsize::new(number)
}

/// Reads all parts of a list with `list_part`.
async fn read_parts(repository: &TestRepository, query: &ListQuery) -> Vec<WireList> {
    let mut parts = Vec::new();
    let (mut next, mut position) = (None, None);
    loop {
        let query = next.map_or_else(|| query.clone(), |cursor| after(query, cursor));
        let part = repository.read_part(&query).await;
        assert!(!part.icps.is_empty() || part.next.is_none(), "only the last part may be empty");
        parts.push(part.icps);
        let Some(cursor) = part.next else { return parts };
        assert_advances(&mut position, &cursor);
        next = Some(cursor);
    }
}

fn icps(lists: &[WireList]) -> Vec<Icp> {
    let parse_list = |list: &WireList| {
        serde_json::from_str::<Vec<Icp>>(&list.to_json()).expect("the list must contain ICPs")
    };
    lists.iter().flat_map(parse_list).collect()
}

/// Returns an ICP whose document has exactly `length` bytes.
fn icp_of_length(number: u128, length: usize) -> IcpDocument {
    let icp_with_description = |bytes: usize| icp(number).with("description", "x".repeat(bytes)).document();
    icp_with_description(length - icp_with_description(0).json().len())
}

pub(super) async fn list_ends_with_document_that_reaches_max_bytes(repository: TestRepository) {
    let documents: Vec<_> = (1..=9).map(|number| icp(number).document()).collect();
    repository.insert_all(documents.clone()).await;
    let bytes_of_two = documents.iter().take(2).map(|document| document.json().len()).sum();
    for (bytes, expected) in [(1, 1), (bytes_of_two, 2), (bytes_of_two + 1, 3), (usize::MAX, 9)] {
        for order in queries_in_every_order() {
            let query = ListQuery { max_bytes: max_bytes(bytes), ..order.clone() };
            let pages = read_pages(&repository, &query).await;
            let lengths: Vec<_> = pages.iter().map(|page| page.icps.len()).collect();
            assert_eq!(lengths.first(), Some(&expected), "{query:?}: {lengths:?}");
            assert_eq!(lengths.iter().sum::<usize>(), 9, "{query:?}: {lengths:?}");
            let lists: Vec<_> = pages.into_iter().map(|page| page.icps).collect();
            assert_eq!(icps(&lists), icps(&[repository.read_list(&order).await.icps]), "{query:?}");
        }
    }
    let query = ListQuery {
        max_bytes: max_bytes(bytes_of_two + 1),
        limit: NonZeroUsize::new(2),
        ..all_icps_query("user_ada")
    };
    assert_eq!(
        repository.read_list(&query).await.icps.len(),
        2,
        "the limit must end the list before `max_bytes` does"
    );
}

pub(super) async fn max_bytes_bounds_list_and_part(repository: TestRepository) {
    const LARGEST: usize = 40_000;
    let documents =
        (1..=60).map(|number| icp_of_length(number, if number % 9 == 0 { LARGEST } else { 1_000 }));
    repository.insert_all(documents).await;
    for bytes in [1, 999, 10_000, 100_000] {
        let query = ListQuery { max_bytes: max_bytes(bytes), ..all_icps_query("user_ada") };
        let lists = read_pages(&repository, &query).await.into_iter().map(|page| page.icps);
        for list in lists.chain(read_parts(&repository, &query).await) {
            // The length of the documents, without the brackets and the commas between the documents.
            let length = list.bytes() - list.len() - 1;
            let limit = bytes + LARGEST;
            assert!(
                length < limit,
                "with `max_bytes` {bytes}, must have less than {limit} bytes, not {length}"
            );
        }
    }
}

pub(super) async fn part_agrees_with_list(repository: TestRepository) {
    repository.insert_all(varied_icps()).await;
    for (filter, order) in filters().into_iter().zip(queries_in_every_order().cycle()) {
        for limit in [None, NonZeroUsize::new(5)] {
            let query = ListQuery { filter: filter.clone(), limit, ..order.clone() };
            let list = repository.read_list(&query).await;
            let part = repository.read_part(&query).await;
            assert_eq!(part.icps, list.icps, "{query:?}");
            match part.next {
                // A part can have a cursor although no ICP follows. The next part must then be empty.
                Some(next) if list.next.is_none() => {
                    assert!(repository.read_part(&after(&query, next)).await.icps.is_empty(), "{query:?}");
                }
                next => assert_eq!(next, list.next, "{query:?}"),
            }
        }
    }
}

pub(super) async fn parts_add_up_to_list(repository: TestRepository) {
    // Documents of very different lengths, so that the parts have very different numbers of ICPs.
    let documents: Vec<_> =
        (1..=300).map(|number| icp_of_length(number, if number % 7 == 0 { 5_000 } else { 500 })).collect();
    repository.insert_all(documents).await;
    for order in queries_in_every_order() {
        let query = ListQuery { max_bytes: max_bytes(20_000), ..order.clone() };
        let parts = read_parts(&repository, &query).await;
        assert!(parts.len() > 10, "must have more than 10 parts, not {}", parts.len());
        assert!(icps(&parts) == icps(&[repository.read_list(&order).await.icps]), "{query:?}");
    }
}

pub(super) async fn documents_of_all_sizes_are_complete(repository: TestRepository) {
    let sizes = [8, 16, 64, 256, 1_024].map(|kilobytes| kilobytes * 1_024);
    let lengths = sizes.into_iter().rev().flat_map(|size| [size - 1, size, size + 1, 500]);
    let documents: Vec<_> =
        (1..).zip(lengths).map(|(number, length)| icp_of_length(number, length)).collect();
    for document in &documents {
        repository.insert_one(document).await;
    }
    let query = all_icps_query("user_ada");
    let whole = json_array(&documents);
    assert!(repository.list_json("user_ada").await == whole, "the complete list must contain all documents");
    assert!(
        repository.read_part(&query).await.icps.to_json() == whole,
        "a single part must contain all documents"
    );
    for bytes in [1, 8_192, 65_536, 1_048_576] {
        let query = ListQuery { max_bytes: max_bytes(bytes), ..query.clone() };
        assert!(
            icps(&read_parts(&repository, &query).await).len() == documents.len(),
            "parts of {bytes} bytes must contain all documents"
        );
        let lists: Vec<_> = read_pages(&repository, &query).await.into_iter().map(|page| page.icps).collect();
        let texts: Vec<_> = lists.iter().map(WireList::to_json).collect();
        let texts: Vec<_> =
            texts.iter().filter_map(|text| text.strip_prefix('[')?.strip_suffix(']')).collect();
        assert!(
            format!("[{}]", texts.join(",")) == whole,
            "lists of {bytes} bytes must contain all documents"
        );
    }
    for (document, number) in documents.iter().zip(1..) {
        assert!(repository.must_find(number).await.json == document.json(), "ICP {number}");
    }
}
