//! Lists that are read in pages.

use icp_testkit::fixtures::{IcpBuilder, icp};

use crate::listing::pagination::pairs;
use crate::support::services::on_both_databases;
use crate::support::users::MINIMAL_BODY;
use crate::support::{LIST, Service};

const ORDERS: [&str; 6] = [
    "sort=createdAt&order=asc",
    "sort=createdAt&order=desc",
    "sort=updatedAt&order=asc",
    "sort=updatedAt&order=desc",
    "sort=name&order=asc",
    "sort=name&order=desc",
];

/// Returns ICPs of which several have the same sort key.
fn icps_with_equal_keys(count: u128) -> impl Iterator<Item = IcpBuilder> {
    const NAMES: [&str; 5] = ["SMB", "smb", "Ömega & <b>", "ömega & <B>", "🦀 100%"];
    (1..=count).map(|number| {
        let name = NAMES.into_iter().cycle().nth(number as usize).expect("the cycle must not end");
        let icp =
            icp(number).with("name", name).with("updatedAt", format!("2024-03-01T00:00:{:02}Z", number % 4));
        icp.created_at(&format!("2024-02-01T00:00:{:02}Z", number % 3)).users(["user_ada", "user_eve"])
    })
}

on_both_databases!(pages_contain_whole_list_in_every_order);
async fn pages_contain_whole_list_in_every_order(service: &Service) {
    service.import_icps(icps_with_equal_keys(24));
    let ada = service.user("user_ada");
    for order in ORDERS {
        let complete_list = ada.query_list(order).await.assert_ok();
        assert_eq!(complete_list.next_page(), None);
        let complete_list = complete_list.icps();
        assert_eq!(complete_list.len(), 24);
        for limit in [1, 5, 6, 12, 23, 24, 25, 1_000] {
            let pages = ada.pages(&format!("{order}&limit={limit}")).await;
            assert_eq!(pages.len(), 24_usize.div_ceil(limit), "{order} with limit {limit}");
            let pages: Vec<_> = pages.iter().map(crate::support::Response::icps).collect();
            let (last, full_pages) = pages.split_last().expect("the list must not be empty");
            assert!(full_pages.iter().all(|page| page.len() == limit), "{order} with limit {limit}");
            assert!(!last.is_empty(), "{order} with limit {limit}");
            assert_eq!(pages.concat(), complete_list, "{order} with limit {limit}");
        }
    }
}

on_both_databases!(descending_order_reverses_ascending_order);
async fn descending_order_reverses_ascending_order(service: &Service) {
    service.import_icps(icps_with_equal_keys(24));
    let ada = service.user("user_ada");
    for sort in ["createdAt", "updatedAt", "name"] {
        let mut numbers = ada.find(&format!("sort={sort}")).await;
        numbers.reverse();
        assert_eq!(ada.find(&format!("sort={sort}&order=desc")).await, numbers);
    }
}

on_both_databases!(link_repeats_query_with_cursor);
async fn link_repeats_query_with_cursor(service: &Service) {
    service.import_icps(icps_with_equal_keys(24));
    let ada = service.user("user_ada");
    let query = "name=%C3%96MEGA+%26+%3Cb%3E&limit=2&sort=name&order=desc&active=true&x=1\
                 &updatedSince=2020-01-01T01:00:00%2B01:00&provider=baseProvider";
    let mut page = ada.query_list(query).await.assert_ok();
    let query_pairs = pairs(&format!("{LIST}?{query}"));
    let mut numbers = page.numbers();
    while let Some(next) = page.next_page() {
        let pairs = pairs(&next);
        let (cursors, others): (Vec<_>, Vec<_>) = pairs.into_iter().partition(|(name, _)| name == "cursor");
        assert_eq!(cursors.len(), 1, "{next}");
        assert!(
            query_pairs.iter().filter(|(name, _)| name != "x").all(|pair| others.contains(pair)),
            "{next}"
        );
        assert!(others.iter().all(|pair| query_pairs.contains(pair)), "{next}");
        page = ada.get(&next).await.assert_ok();
        numbers.extend(page.numbers());
    }
    assert_eq!(numbers, ada.find(&query.replace("&limit=2", "")).await);
    assert_eq!(numbers.len(), 10);
}

on_both_databases!(page_size_can_change_between_pages);
async fn page_size_can_change_between_pages(service: &Service) {
    service.import_icps(icps_with_equal_keys(24));
    let ada = service.user("user_ada");
    for order in ORDERS {
        let complete_list = ada.find(order).await;
        let first = ada.query_list(&format!("{order}&limit=3")).await.assert_ok();
        let second = ada.query_list(&format!("{order}&limit=7&cursor={}", first.cursor())).await.assert_ok();
        let third = ada.query_list(&format!("{order}&limit=1&cursor={}", second.cursor())).await.assert_ok();
        let remaining_page = ada.query_list(&format!("{order}&cursor={}", third.cursor())).await.assert_ok();
        assert_eq!(remaining_page.next_page(), None);
        let pages = [first, second, third, remaining_page].map(|page| page.numbers());
        assert_eq!(pages.each_ref().map(Vec::len), [3, 7, 1, 13]);
        assert_eq!(pages.concat(), complete_list, "{order}");
    }
}

on_both_databases!(cursor_is_valid_after_change_and_delete);
async fn cursor_is_valid_after_change_and_delete(service: &Service) {
    service.import_icps(icps_with_equal_keys(24));
    let ada = service.user("user_ada");
    for order in ORDERS {
        let complete_list = ada.find(order).await;
        let first = ada.query_list(&format!("{order}&limit=2")).await.assert_ok();
        let remaining_page = ada.query_list(&format!("{order}&cursor={}", first.cursor())).await.assert_ok();
        let [first_icp, second_icp] = [0, 1].map(|index| {
            format!("{LIST}/{}", first.icps()[index]["id"].as_str().expect("the ID must be a string"))
        });
        ada.patch(&first_icp, r#"{"userIds":["user_eve"]}"#).await.assert_ok();
        assert_eq!(ada.delete(&second_icp).await.status, 204);
        let reread = ada.query_list(&format!("{order}&cursor={}", first.cursor())).await.assert_ok();
        assert_eq!((&reread.body, reread.etag()), (&remaining_page.body, remaining_page.etag()), "{order}");
        assert_eq!(reread.numbers(), complete_list[2..], "{order}");
    }
}

on_both_databases!(next_page_has_only_icps_after_cursor);
async fn next_page_has_only_icps_after_cursor(service: &Service) {
    service.import_icps(icps_with_equal_keys(6));
    let ada = service.user("user_ada");
    let [ascending, descending] = ["order=asc", "order=desc"];
    let [first, last] = [ascending, descending].map(|order| format!("{order}&limit=3"));
    let [first, last] = [ada.query_list(&first).await.assert_ok(), ada.query_list(&last).await.assert_ok()];
    let created = ada.create(MINIMAL_BODY).await;
    let next = ada.query_list(&format!("{ascending}&cursor={}", first.cursor())).await.assert_ok().icps();
    assert_eq!((next.len(), next.last()), (4, Some(&created.json())));
    let next = ada.query_list(&format!("{descending}&cursor={}", last.cursor())).await.assert_ok();
    assert_eq!(next.icps().len(), 3);
    assert!(!next.icps().contains(&created.json()));
    let remaining = ada.find("limit=3").await;
    for icp in ada.query_list(&format!("cursor={}", first.cursor())).await.assert_ok().icps() {
        ada.delete(&format!("{LIST}/{}", icp["id"].as_str().expect("the ID must be a string"))).await;
    }
    assert_eq!(
        ada.query_list(&format!("cursor={}", first.cursor())).await.assert_ok().body,
        "[]",
        "all ICPs after the cursor were deleted"
    );
    assert_eq!(ada.query_list("limit=3").await.assert_ok().next_page(), None);
    assert_eq!(ada.find("").await, remaining);
}

on_both_databases!(empty_page_has_no_link);
async fn empty_page_has_no_link(service: &Service) {
    let ada = service.user("user_ada");
    for query in ["limit=1", "limit=1000&sort=name", "limit=5&order=desc&name=x"] {
        let page = ada.query_list(query).await.assert_ok();
        assert_eq!((page.body.as_str(), page.next_page()), ("[]", None), "{query}");
    }
}
