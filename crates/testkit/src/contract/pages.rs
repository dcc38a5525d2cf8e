//! Lists in part: filtered, sorted, page by page; and the versions of lists.

use std::sync::Arc;

use icp_domain::{Caller, IcpDocument, Timestamp};
use icp_ports::{Activity, Direction, ListFilter, ListQuery, OnConflict, Sort};

use super::Subject;
use super::support::array;
use crate::fixtures::{icp, id, user};

const SORTS: [Sort; 3] = [Sort::CreatedAt, Sort::UpdatedAt, Sort::Name];
const DIRECTIONS: [Direction; 2] = [Direction::Ascending, Direction::Descending];

fn query() -> ListQuery {
    ListQuery::everything(Caller::user(user("user_ada")).list_scope())
}

fn time(text: &str) -> Timestamp {
    text.parse().expect("a time")
}

/// ICPs that are alike in much, so that every filter tells some of them apart and every order has equals.
fn varied() -> Vec<IcpDocument> {
    let names = ["Alpha", "ALPHA", "alphabet", "Ömega", "ÖMEGA 100%", "under_score", "日本", "İstanbul"];
    let ends = ["2024-03-01T00:00:00.000Z", "2024-03-01T00:00:00.001Z", "9999-12-31T23:59:59.999Z"];
    (0..96_u128)
        .map(|number| {
            let at = |list: &[&'static str]| {
                let index = usize::try_from(number).expect("a small number");
                list.iter().copied().cycle().nth(index).expect("it goes round")
            };
            let builder = icp(1 + (number * 37) % 96)
                .created_at(&format!("2024-01-0{}T00:00:00.000Z", 1 + number % 5))
                .with("updatedAt", format!("2024-02-0{}T00:00:00.000Z", 1 + number % 7))
                .with("name", at(&names));
            let builder = if number % 4 == 0 { builder } else { builder.with("activeUntil", at(&ends)) };
            let crm = serde_json::json!({"provider": "bullhorn", "filters": []});
            if number % 3 == 0 { builder.with("crmFilters", crm) } else { builder }.document()
        })
        .collect()
}

/// What the list should hold: the rules once more, in the plainest way.
fn expected<'a>(documents: &'a [IcpDocument], query: &ListQuery) -> Vec<&'a IcpDocument> {
    let is_wanted = |document: &&IcpDocument| {
        let filter = &query.filter;
        let bullhorn = document.json().contains(r#""provider":"bullhorn""#);
        filter.activity.is_none_or(|activity| activity.is_true_of(document.active_until()))
            && filter.updated_since.is_none_or(|since| document.updated_at() >= since)
            && filter.name.as_ref().is_none_or(|name| document.name().to_lowercase().contains(name))
            && filter.provider.as_ref().is_none_or(|name| match name.as_str() {
                "bullhorn" => bullhorn,
                name => name == "baseProvider",
            })
    };
    let mut wanted: Vec<_> = documents.iter().filter(is_wanted).collect();
    wanted.sort_by(|one, other| {
        let by_key = match query.sort {
            Sort::CreatedAt => one.created_at().cmp(&other.created_at()),
            Sort::UpdatedAt => one.updated_at().cmp(&other.updated_at()),
            Sort::Name => one.name().to_lowercase().cmp(&other.name().to_lowercase()),
        };
        by_key.then(one.id().cmp(&other.id()))
    });
    if query.direction == Direction::Descending {
        wanted.reverse();
    }
    wanted
}

fn filters() -> Vec<ListFilter> {
    let middle = time("2024-03-01T00:00:00.000Z");
    let none = ListFilter::default();
    let name = |text: &str| ListFilter { name: Some(text.to_owned()), ..ListFilter::default() };
    let provider = |text: &str| ListFilter { provider: Some(text.to_owned()), ..ListFilter::default() };
    let active = |activity| ListFilter { activity: Some(activity), ..ListFilter::default() };
    let all_at_once = ListFilter {
        activity: Some(Activity::ActiveAt(middle)),
        updated_since: Some(time("2024-02-03T00:00:00.000Z")),
        name: Some("a".to_owned()),
        provider: Some("bullhorn".to_owned()),
    };
    let mut filters = vec![none.clone(), all_at_once];
    filters.extend([Activity::ActiveAt(middle), Activity::ExpiredAt(middle)].map(active));
    let times = ["2024-02-04T00:00:00.000Z", "2024-02-04T00:00:00.001Z", "2025-01-01T00:00:00.000Z"];
    filters.extend(times.map(|since| ListFilter { updated_since: Some(time(since)), ..none.clone() }));
    filters.extend(["alpha", "öm", "100%", "%", "_", "本", "i̇s", "'", "nowhere", "\\"].map(name));
    filters.extend(["baseProvider", "bullhorn", "base", "Bullhorn", "\"", ","].map(provider));
    filters
}

pub(super) async fn every_filter_in_every_order_holds_what_it_should(subject: Subject) {
    let documents = varied();
    subject.store(documents.clone()).await;
    subject.store([icp(1_000).users(["user_bob"]).document()]).await;
    for filter in filters() {
        for (sort, direction) in SORTS.into_iter().flat_map(|sort| DIRECTIONS.map(|way| (sort, way))) {
            let query = ListQuery { filter: filter.clone(), sort, direction, ..query() };
            let list = subject.repository.list(&query).await.expect("it lists");
            assert_eq!(list.icps.to_json(), array(expected(&documents, &query)), "{query:?}");
            assert_eq!(list.next, None);
            let version = subject.repository.list_version(&query).await.expect("it lists");
            assert_eq!(version, list.version, "{query:?}");
        }
    }
}

pub(super) async fn pages_come_to_the_whole_in_every_order(subject: Subject) {
    let documents = varied();
    subject.store(documents.clone()).await;
    for limit in [1, 7, 95, 96, 97] {
        for (sort, direction) in SORTS.into_iter().flat_map(|sort| DIRECTIONS.map(|way| (sort, way))) {
            let mut query = ListQuery { sort, direction, limit: Some(limit), ..query() };
            let expected = expected(&documents, &query);
            let (mut seen, mut pages) = (String::new(), 0);
            loop {
                let page = subject.repository.list(&query).await.expect("it lists");
                assert!(page.icps.len() <= limit);
                let version = subject.repository.list_version(&query).await.expect("it lists");
                assert_eq!(version, page.version, "{query:?}");
                let json = page.icps.to_json();
                seen += json.trim_start_matches('[').trim_end_matches(']');
                pages += 1;
                let Some(next) = page.next else { break };
                seen.push(',');
                query.after = Some(next);
            }
            assert_eq!(format!("[{seen}]"), array(expected), "{sort:?} {direction:?} by {limit}");
            assert_eq!(pages, 96_usize.div_ceil(limit), "no page is empty");
        }
    }
}

pub(super) async fn a_list_ends_with_the_icp_that_reaches_its_bytes(subject: Subject) {
    let documents: Vec<_> = (1..=9).map(|number| icp(number).document()).collect();
    subject.store(documents.clone()).await;
    let two = documents.iter().take(2).map(|document| document.json().len()).sum();
    for (max_bytes, most) in [(1, 1), (two, 2), (two + 1, 3), (usize::MAX, 9)] {
        for (sort, direction) in SORTS.into_iter().flat_map(|sort| DIRECTIONS.map(|way| (sort, way))) {
            let mut query = ListQuery { sort, direction, max_bytes: Some(max_bytes), ..query() };
            let whole = ListQuery { max_bytes: None, ..query.clone() };
            let whole = subject.repository.list(&whole).await.expect("it lists");
            assert_eq!(subject.repository.list_version(&query).await.expect("it lists"), whole.version);
            let mut seen = Vec::new();
            loop {
                let part = subject.repository.list(&query).await.expect("it lists");
                assert!(part.icps.len() <= most, "{} ICPs within {max_bytes} bytes", part.icps.len());
                assert!(!part.icps.is_empty() || part.next.is_none(), "a part without ICPs leads nowhere");
                seen.extend(part.icps.to_icps().expect("they are ICPs"));
                let Some(next) = part.next else { break };
                query.after = Some(next);
            }
            assert_eq!(seen, whole.icps.to_icps().expect("they are ICPs"), "{sort:?} {direction:?}");
        }
    }
}

pub(super) async fn a_long_list_comes_to_the_whole_in_parts(subject: Subject) {
    // Of lengths that lie far apart, so that no part has as many as the one before it.
    let long = |number: u128| "x".repeat(if number.is_multiple_of(7) { 4_000 } else { 10 });
    let document = |number| icp(number).with("description", long(number)).document();
    let documents: Vec<_> = (1..=300).map(document).collect();
    subject.store(documents.clone()).await;
    let mut query = ListQuery { max_bytes: Some(20_000), ..query() };
    let (mut seen, mut parts) = (Vec::new(), 0);
    loop {
        let part = subject.repository.list(&query).await.expect("it lists");
        seen.extend(part.icps.to_icps().expect("they are ICPs"));
        parts += 1;
        let Some(next) = part.next else { break };
        query.after = Some(next);
    }
    let expected: Vec<_> = documents.iter().map(|document| document.to_icp().expect("an ICP")).collect();
    assert!(seen == expected && parts > 10, "{} ICPs in {parts} parts", seen.len());
}

pub(super) async fn lists_of_every_length_are_whole(subject: Subject) {
    // Around what adapters may take for short.
    let mut stored = 0;
    for length in [0, 1, 63, 64, 65, 66, 130] {
        let more: Vec<_> = (stored + 1..=length).map(|number| icp(number).document()).collect();
        subject.store(more).await;
        stored = length;
        let documents: Vec<_> = (1..=length).map(|number| icp(number).document()).collect();
        let list = subject.repository.list(&query()).await.expect("it lists");
        assert_eq!(list.icps.to_json(), array(&documents), "{length} ICPs");
        assert_eq!(subject.repository.list_version(&query()).await.expect("it lists"), list.version);
    }
}

pub(super) async fn many_who_ask_at_once_each_get_their_own(subject: Subject) {
    let document = |number: u128| icp(number).with("userIds", [format!("user_{}", number % 7)]).document();
    subject.store((1..=40).map(document)).await;
    let repository = Arc::clone(&subject.repository);
    let asking: Vec<_> = (0..300_u128)
        .map(|asked| {
            let repository = Arc::clone(&repository);
            tokio::spawn(async move {
                // One of eight has none.
                let name = format!("user_{}", asked % 8);
                let query = ListQuery::everything(Caller::user(user(&name)).list_scope());
                let (list, version) = (repository.list(&query).await, repository.list_version(&query).await);
                (asked % 8, list.expect("it lists"), version.expect("it lists"))
            })
        })
        .collect();
    for asked in asking {
        let (whose, list, version) = asked.await.expect("it ends");
        let own: Vec<_> = (1..=40).filter(|number| number % 7 == whose).map(document).collect();
        assert_eq!(list.version, version);
        assert_eq!(list.icps.to_json(), array(&own), "user_{whose}");
    }
}

pub(super) async fn a_page_starts_after_its_place_also_when_that_icp_is_gone(subject: Subject) {
    subject.store((1..=9).map(|number| icp(number).document())).await;
    let mut query = ListQuery { limit: Some(3), ..query() };
    query.after = subject.repository.list(&query).await.expect("it lists").next;
    assert!(subject.delete(3, subject.found(3).await.version).await);
    let page = subject.repository.list(&query).await.expect("it lists");
    let documents: Vec<_> = (4..=6).map(|number| icp(number).document()).collect();
    assert_eq!(page.icps.to_json(), array(&documents));
}

pub(super) async fn a_list_has_another_version_after_every_change(subject: Subject) {
    let query = query();
    let version = async || subject.repository.list_version(&query).await.expect("it lists");
    let mut seen = vec![version().await];
    let (one, other) = (icp(1).document(), icp(1).with("name", "other").document());
    let mut at = subject.create(&one).await;
    seen.push(version().await);
    for (before, after) in [(&one, &other), (&other, &one)] {
        at = subject.update(before, after, at).await.expect("it is at that version");
        seen.push(version().await);
    }
    subject.create(&icp(2).document()).await;
    seen.push(version().await);
    subject.import([icp(2).document()], OnConflict::Replace).await.expect("it imports");
    seen.push(version().await);
    assert!(subject.delete(1, at).await);
    seen.push(version().await);
    for (index, version) in seen.iter().enumerate() {
        assert!(!seen.iter().skip(index + 1).any(|later| later == version), "{index} of {seen:?}");
    }
    let last = version().await;
    subject.create(&icp(3).users(["user_bob"]).document()).await;
    assert_eq!(version().await, last, "what others have is nothing to it");
}

pub(super) async fn the_version_of_a_page_tells_whether_there_are_more(subject: Subject) {
    subject.store((1..=2).map(|number| icp(number).document())).await;
    let query = ListQuery { limit: Some(2), ..query() };
    let before = subject.repository.list(&query).await.expect("it lists");
    subject.store([icp(3).document()]).await;
    let after = subject.repository.list(&query).await.expect("it lists");
    assert_eq!(before.icps, after.icps);
    assert_ne!(before.version, after.version);
    assert_eq!((before.next.is_some(), after.next.is_some()), (false, true));
}

pub(super) async fn what_stands_untouched_is_seen_once_while_others_write(subject: Subject) {
    let untouched: Vec<_> = (1..=200).map(|number| icp(number * 10).document()).collect();
    subject.store(untouched.clone()).await;
    let subject = Arc::new(subject);
    let writer = {
        let subject = Arc::clone(&subject);
        tokio::spawn(async move {
            for round in 0..60_u128 {
                let number = 5 + round * 30;
                let document = icp(number).document();
                let version = subject.create(&document).await;
                let after = icp(number).with("name", "changed").document();
                let version = subject.update(&document, &after, version).await.expect("nobody else writes");
                if round % 2 == 0 {
                    assert!(subject.delete(number, version).await);
                }
            }
        })
    };
    let mut rounds = 0;
    while !writer.is_finished() || rounds < 3 {
        let mut query = ListQuery { limit: Some(9), ..query() };
        let mut seen = Vec::new();
        loop {
            let page = subject.repository.list(&query).await.expect("it lists");
            seen.extend(page.icps.to_icps().expect("they are whole").into_iter().map(|icp| icp.id));
            let Some(next) = page.next else { break };
            query.after = Some(next);
        }
        for number in 1..=200_u128 {
            let times = seen.iter().filter(|seen| **seen == id(number * 10)).count();
            assert_eq!(times, 1, "ICP {number}");
        }
        rounds += 1;
    }
    writer.await.expect("it writes");
}
