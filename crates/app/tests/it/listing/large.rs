//! Twenty thousand ICPs of one user. The complete list has 14 MB and is sent in several parts. With a `limit` of 1,000,
//! it has at least twenty pages.

use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Instant;

use futures_util::future::join_all;
use icp_testkit::fixtures::{IcpBuilder, icp, id};
use reqwest::StatusCode;
use serde_json::json;

use crate::listing::records::number_of;
use crate::support::services::on_both_databases;
use crate::support::users::User;
use crate::support::{LIST, Response, Service};

/// The number of ICPs that no writer changes.
const UNCHANGED_ICPS: u64 = 20_000;
/// The number of ICPs that writers change and delete.
const CHANGED_ICPS: u64 = 160;
const WRITER_COUNT: u64 = 8;

/// Returns all ICPs. Writers change every 126th ICP.
fn records() -> impl Iterator<Item = IcpBuilder> {
    (1..=UNCHANGED_ICPS + CHANGED_ICPS).map(|number| {
        // Ten ICPs have the same creation time, so they are sorted by ID.
        let second = number / 10;
        let time = format!("2024-01-15T{:02}:{:02}:{:02}Z", second / 3600, second / 60 % 60, second % 60);
        icp(u128::from(number)).created_at(&time).with("updatedAt", time)
    })
}

fn will_change(number: u64) -> bool {
    number.is_multiple_of(126) && number / 126 <= CHANGED_ICPS
}

/// Returns the numbers of the ICPs in a list. The list is not parsed as JSON, because this would take most of the
/// time of the test.
fn numbers(list: &Response) -> Vec<u64> {
    list.body.split("{\"id\":\"").skip(1).map(|icp| number_of(&icp[..36])).collect()
}

/// Creates, changes and deletes ICPs at all positions of the list, until `is_over` is true.
async fn write_until_over(ada: User<'_>, writer: u64, is_over: &AtomicBool, write_count: &AtomicUsize) {
    let check_and_count = |response: Response, status: StatusCode| {
        assert_eq!(response.status, status, "{response:?}");
        write_count.fetch_add(1, Ordering::Relaxed);
        response
    };
    let mut own_icps =
        (1..=CHANGED_ICPS).filter(|number| number % WRITER_COUNT == writer).map(|number| number * 126);
    for round in 0_u64.. {
        if is_over.load(Ordering::Relaxed) {
            return;
        }
        let name = |number: u64| json!({"name": format!("ICP {}", number % UNCHANGED_ICPS)}).to_string();
        let body = json!({"name": format!("icp {writer}{round}"), "leadProviderCriteria": []});
        let created = check_and_count(ada.post(body).await, StatusCode::CREATED).icp_path();
        check_and_count(ada.patch(&created, name(round * 7_919)).await, StatusCode::OK);
        if let Some(number) = own_icps.next() {
            let path = format!("{LIST}/{}", id(u128::from(number)));
            check_and_count(ada.patch(&path, name(number * 31)).await, StatusCode::OK);
            if round.is_multiple_of(2) {
                check_and_count(ada.delete(&path).await, StatusCode::NO_CONTENT);
            }
        }
        if !round.is_multiple_of(3) {
            check_and_count(ada.delete(&created).await, StatusCode::NO_CONTENT);
        }
    }
}

/// Returns the numbers of the ICPs that no writer changes.
fn unchanged(mut numbers: Vec<u64>) -> Vec<u64> {
    numbers.retain(|number| *number <= UNCHANGED_ICPS + CHANGED_ICPS && !will_change(*number));
    numbers
}

/// Reads all pages. Returns the numbers of the ICPs that no writer changes, in the order of the pages.
async fn read_pages(ada: &User<'_>, query: &str) -> Vec<u64> {
    let mut page = ada.query_list(query).await.assert_ok();
    let (mut numbers_of_pages, mut count) = (Vec::new(), 1);
    loop {
        let numbers = numbers(&page);
        assert!((1..=1_000).contains(&numbers.len()), "{} ICPs", numbers.len());
        numbers_of_pages.extend(unchanged(numbers));
        let Some(next) = page.next_page() else { break };
        page = ada.get(&next).await.assert_ok();
        count += 1;
    }
    assert!(count >= 20, "there must be at least 20 pages, not {count}");
    numbers_of_pages
}

async fn read_during_writes(service: &Service) {
    let ada = service.user("user_ada");
    let (is_over, write_count) = (AtomicBool::new(false), AtomicUsize::new(0));
    let reading = async {
        let mut expected: Vec<u64> =
            (1..=UNCHANGED_ICPS + CHANGED_ICPS).filter(|number| !will_change(*number)).collect();
        assert_eq!(expected.len() as u64, UNCHANGED_ICPS);
        // First, the complete list is read in one response.
        let before = write_count.load(Ordering::Relaxed);
        let complete_list = unchanged(numbers(&ada.get(LIST).await.assert_ok()));
        assert!(complete_list == expected, "{} of {} ICPs", complete_list.len(), expected.len());
        assert!(write_count.load(Ordering::Relaxed) > before, "writers must write during the read");
        for query in ["limit=1000", "limit=1000&sort=name"] {
            let (started, before) = (Instant::now(), write_count.load(Ordering::Relaxed));
            let numbers_of_pages = read_pages(&ada, query).await;
            let writes = write_count.load(Ordering::Relaxed) - before;
            eprintln!("{query}: {:?}, {writes} writes", started.elapsed());
            let distinct: HashSet<&u64> = numbers_of_pages.iter().collect();
            assert_eq!((numbers_of_pages.len(), distinct.len()), (expected.len(), expected.len()), "{query}");
            assert!(numbers_of_pages == expected, "{query}: the ICPs must be in order");
            assert!(writes > 0, "writers must write during the read");
            // The next query sorts by name. The names contain the decimal numbers.
            expected.sort_by_cached_key(u64::to_string);
        }
        is_over.store(true, Ordering::Relaxed);
    };
    let writing = (0..WRITER_COUNT)
        .map(|writer| write_until_over(service.user("user_ada"), writer, &is_over, &write_count));
    tokio::join!(reading, join_all(writing));
}

on_both_databases!(unchanged_icps_are_listed_once_during_writes);
async fn unchanged_icps_are_listed_once_during_writes(service: &Service) {
    let started = Instant::now();
    service.import_icps(records());
    eprintln!("imported all ICPs in {:?}", started.elapsed());
    read_during_writes(service).await;
}
