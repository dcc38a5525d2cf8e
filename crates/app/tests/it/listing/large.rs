//! Twenty thousand ICPs of one user: 14 MB, which are sent in four parts and twenty pages.

use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Instant;

use futures_util::future::join_all;
use icp_testkit::fixtures::{IcpBuilder, icp, id};
use reqwest::StatusCode;
use serde_json::json;

use crate::listing::records::number_of;
use crate::support::services::on_both;
use crate::support::users::User;
use crate::support::{LIST, Response, Service};

/// The ICPs that do not change.
const UNTOUCHED: u64 = 20_000;
/// The ICPs that writers change and delete.
const CHANGED_ICPS: u64 = 160;
const WRITERS: u64 = 8;

/// The complete list. Every 126th ICP will be changed.
fn records() -> impl Iterator<Item = IcpBuilder> {
    (1..=UNTOUCHED + CHANGED_ICPS).map(|number| {
        // Groups of ten have the same creation time, so IDs decide their order.
        let second = number / 10;
        let time = format!("2024-01-15T{:02}:{:02}:{:02}Z", second / 3600, second / 60 % 60, second % 60);
        icp(u128::from(number)).created_at(&time).with("updatedAt", time)
    })
}

fn will_change(number: u64) -> bool {
    number.is_multiple_of(126) && number / 126 <= CHANGED_ICPS
}

/// Returns the numbers of the ICPs in a list. Parsing all of them would take longer than everything else.
fn numbers(list: &Response) -> Vec<u64> {
    list.body.split("{\"id\":\"").skip(1).map(|icp| number_of(&icp[..36])).collect()
}

/// The writes during the read of the list: creates, changes and deletes, before and after every position.
async fn write(ada: User<'_>, writer: u64, is_over: &AtomicBool, done: &AtomicUsize) {
    let count = |response: Response, status: StatusCode| {
        assert_eq!(response.status, status, "{response:?}");
        done.fetch_add(1, Ordering::Relaxed);
        response
    };
    let mut mine = (1..=CHANGED_ICPS).filter(|number| number % WRITERS == writer).map(|number| number * 126);
    for round in 0_u64.. {
        if is_over.load(Ordering::Relaxed) {
            return;
        }
        let name = |number: u64| json!({"name": format!("ICP {}", number % UNTOUCHED)}).to_string();
        let body = json!({"name": format!("icp {writer}{round}"), "leadProviderCriteria": []});
        let created = count(ada.post(body).await, StatusCode::CREATED).icp_path();
        count(ada.patch(&created, name(round * 7_919)).await, StatusCode::OK);
        if let Some(number) = mine.next() {
            let path = format!("{LIST}/{}", id(u128::from(number)));
            count(ada.patch(&path, name(number * 31)).await, StatusCode::OK);
            if round.is_multiple_of(2) {
                count(ada.delete(&path).await, StatusCode::NO_CONTENT);
            }
        }
        if !round.is_multiple_of(3) {
            count(ada.delete(&created).await, StatusCode::NO_CONTENT);
        }
    }
}

/// Returns the ICPs in a response that do not change.
fn untouched(mut numbers: Vec<u64>) -> Vec<u64> {
    numbers.retain(|number| *number <= UNTOUCHED + CHANGED_ICPS && !will_change(*number));
    numbers
}

/// Reads all pages, and returns the ICPs that do not change in their order.
async fn read(ada: &User<'_>, query: &str) -> Vec<u64> {
    let mut page = ada.query_list(query).await.ok();
    let (mut seen, mut count) = (Vec::new(), 1);
    loop {
        let numbers = numbers(&page);
        assert!((1..=1_000).contains(&numbers.len()), "{} ICPs", numbers.len());
        seen.extend(untouched(numbers));
        let Some(next) = page.next_page() else { break };
        page = ada.get(&next).await.ok();
        count += 1;
    }
    assert!(count >= 20, "{count} pages");
    seen
}

async fn read_while_others_write(service: &Service) {
    let ada = service.user("user_ada");
    let (is_over, done) = (AtomicBool::new(false), AtomicUsize::new(0));
    let reading = async {
        let mut expected: Vec<u64> =
            (1..=UNTOUCHED + CHANGED_ICPS).filter(|number| !will_change(*number)).collect();
        assert_eq!(expected.len() as u64, UNTOUCHED);
        // In one response, which is sent while the list is read.
        let before = done.load(Ordering::Relaxed);
        let whole = untouched(numbers(&ada.get(LIST).await.ok()));
        assert!(whole == expected, "{} of {} ICPs", whole.len(), expected.len());
        assert!(done.load(Ordering::Relaxed) > before, "others write");
        for query in ["limit=1000", "limit=1000&sort=name"] {
            let (started, before) = (Instant::now(), done.load(Ordering::Relaxed));
            let seen = read(&ada, query).await;
            let writes = done.load(Ordering::Relaxed) - before;
            eprintln!("{query}: {:?}, {writes} writes", started.elapsed());
            let distinct: HashSet<&u64> = seen.iter().collect();
            assert_eq!((seen.len(), distinct.len()), (expected.len(), expected.len()), "{query}");
            assert!(seen == expected, "{query} is in order");
            assert!(writes > 0, "others write");
            // In decimal, and so by their names.
            expected.sort_by_cached_key(u64::to_string);
        }
        is_over.store(true, Ordering::Relaxed);
    };
    let writing = (0..WRITERS).map(|writer| write(service.user("user_ada"), writer, &is_over, &done));
    tokio::join!(reading, join_all(writing));
}

on_both!(untouched_icps_are_listed_once_during_writes);
async fn untouched_icps_are_listed_once_during_writes(service: &Service) {
    let started = Instant::now();
    service.hold(records());
    eprintln!("imported: {:?}", started.elapsed());
    read_while_others_write(service).await;
}
