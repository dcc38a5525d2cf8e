//! Filters, in every order.

use icp_domain::{Activity, IcpDocument, Timestamp};
use icp_ports::{Direction, IcpList, ListCursor, ListFilter, ListQuery, ListStart, Sort, SortKey};

use super::support::{TestRepository, array, everything};
use crate::fixtures::{icp, id};

const SORTS: [Sort; 4] = [Sort::CreatedAt, Sort::UpdatedAt, Sort::Name, Sort::ActiveUntil];
const DIRECTIONS: [Direction; 2] = [Direction::Ascending, Direction::Descending];

/// The queries for every ICP of `user_ada`, in every order.
pub(super) fn orders() -> impl Iterator<Item = ListQuery> + Clone {
    SORTS.into_iter().flat_map(|sort| {
        DIRECTIONS.map(|direction| ListQuery {
            start: ListStart::Beginning(sort),
            direction,
            ..everything("user_ada")
        })
    })
}

fn time(text: &str) -> Timestamp {
    text.parse().expect("a time")
}

fn folded(name: &str) -> String {
    icp(1).with("name", name).document().folded_name().to_owned()
}

const LAST_END: &str = "9999-12-31T23:59:59.999Z";
/// Values of `activeUntil`. [`varied`] ICPs have one of them or none.
const ENDS: [&str; 3] = ["2024-03-01T00:00:00.000Z", "2024-03-01T00:00:00.001Z", LAST_END];

/// ICPs that share many values: each filter matches some of them, and each order has equal keys.
pub(super) fn varied() -> Vec<IcpDocument> {
    let names = ["Alpha", "ALPHA", "alphabet", "Ömega", "ÖMEGA 100%", "under_score", "日本", "İstanbul"];
    (0..96_u128)
        .map(|number| {
            let at = |list: &[&'static str]| {
                let index = usize::try_from(number).expect("a small number");
                list.iter().copied().cycle().nth(index).expect("a cycle has no end")
            };
            let builder = icp(1 + (number * 37) % 96)
                .created_at(&format!("2024-01-0{}T00:00:00.000Z", 1 + number % 5))
                .with("updatedAt", format!("2024-02-0{}T00:00:00.000Z", 1 + number % 7))
                .with("name", at(&names));
            let builder = if number % 4 == 0 { builder } else { builder.with("activeUntil", at(&ENDS)) };
            let crm = serde_json::json!({"provider": "bullhorn", "filters": []});
            if number % 3 == 0 { builder.with("crmFilters", crm) } else { builder }.document()
        })
        .collect()
}

/// Returns the documents that match a query from its beginning, in its order, by a simple implementation of the rules.
pub(super) fn expected<'a>(documents: &'a [IcpDocument], query: &ListQuery) -> Vec<&'a IcpDocument> {
    let matches = |document: &&IcpDocument| {
        let filter = &query.filter;
        let bullhorn = document.json().contains(r#""provider":"bullhorn""#);
        filter.activity.is_none_or(|activity| activity.matches(document.active_until()))
            && filter.updated_since.is_none_or(|since| document.updated_at() >= since)
            && filter.expires_from.is_none_or(|from| document.active_until() >= Some(from))
            && filter.expires_before.is_none_or(|before| {
                document.active_until().is_some_and(|active_until| active_until < before)
            })
            && filter.name.as_ref().is_none_or(|name| document.folded_name().contains(name))
            && filter.provider.as_ref().is_none_or(|name| match name.as_str() {
                "bullhorn" => bullhorn,
                name => name == "baseProvider",
            })
    };
    let mut matching: Vec<_> = documents.iter().filter(matches).collect();
    matching.sort_by(|one, other| {
        let by_key = match query.sort() {
            Sort::CreatedAt => one.created_at().cmp(&other.created_at()),
            Sort::UpdatedAt => one.updated_at().cmp(&other.updated_at()),
            Sort::Name => one.folded_name().cmp(other.folded_name()),
            Sort::ActiveUntil => one.active_until().cmp(&other.active_until()),
        };
        by_key.then(one.id().cmp(&other.id()))
    });
    if query.direction == Direction::Descending {
        matching.reverse();
    }
    if query.sort() == Sort::ActiveUntil {
        // The sort is stable, so equal keys keep their order.
        matching.sort_by_key(|document| document.active_until().is_none());
    }
    matching
}

pub(super) fn filters() -> Vec<ListFilter> {
    let middle = time("2024-03-01T00:00:00.000Z");
    let none = ListFilter::default();
    let name = |text: &str| ListFilter { name: Some(folded(text)), ..ListFilter::default() };
    let provider = |text: &str| ListFilter { provider: Some(text.to_owned()), ..ListFilter::default() };
    let activity = |activity| ListFilter { activity: Some(activity), ..ListFilter::default() };
    let all_at_once = ListFilter {
        activity: Some(Activity::ActiveAt(middle)),
        updated_since: Some(time("2024-02-03T00:00:00.000Z")),
        expires_from: Some(time("2024-03-01T00:00:00.001Z")),
        expires_before: Some(Timestamp::MAX),
        name: Some("a".to_owned()),
        provider: Some("bullhorn".to_owned()),
    };
    let mut filters = vec![none.clone(), all_at_once];
    filters.extend([Activity::ActiveAt(middle), Activity::ExpiredAt(middle)].map(activity));
    let times = ["2024-02-04T00:00:00.000Z", "2024-02-04T00:00:00.001Z", "2025-01-01T00:00:00.000Z"];
    filters.extend(times.map(|since| ListFilter { updated_since: Some(time(since)), ..none.clone() }));
    let expiry = |expires_from: Option<&str>, expires_before: Option<&str>| ListFilter {
        expires_from: expires_from.map(time),
        expires_before: expires_before.map(time),
        ..ListFilter::default()
    };
    filters.extend(ENDS.map(|end| expiry(Some(end), None)));
    filters.extend(ENDS.map(|end| expiry(None, Some(end))));
    let [first, second, _] = ENDS;
    let ranges = [(first, second), (first, first), (second, first), ("0000-01-01T00:00:00.000Z", second)];
    filters.extend(ranges.map(|(from, before)| expiry(Some(from), Some(before))));
    filters.push(ListFilter { activity: Some(Activity::ActiveAt(middle)), ..expiry(None, Some(LAST_END)) });
    filters.extend(["alpha", "Öm", "100%", "%", "_", "本", "İs", "'", "nowhere", "\\"].map(name));
    filters.extend(["baseProvider", "bullhorn", "base", "Bullhorn", "\"", ","].map(provider));
    filters
}

pub(super) async fn every_filter_matches_exactly_in_every_order(repository: TestRepository) {
    let documents = varied();
    repository.insert_all(documents.clone()).await;
    repository.insert_all([icp(1_000).users(["user_bob"]).document()]).await;
    for filter in filters() {
        for order in orders() {
            let query = ListQuery { filter: filter.clone(), ..order };
            let list = repository.read_list(&query).await;
            assert_eq!(list.icps.to_json(), array(expected(&documents, &query)), "{query:?}");
            assert_eq!(list.next, None, "{query:?}");
        }
    }
}

pub(super) async fn text_with_u0000_matches_nothing(repository: TestRepository) {
    let documents = [icp(1).with("name", "a").document(), icp(2).with("name", "b").document()];
    repository.insert_all(documents.clone()).await;
    let filters = ["\0", "a\0", "\0a"].map(str::to_owned).into_iter().flat_map(|text| {
        let name = ListFilter { name: Some(text.clone()), ..ListFilter::default() };
        [name, ListFilter { provider: Some(text), ..ListFilter::default() }]
    });
    for filter in filters {
        let query = ListQuery { filter, ..everything("user_ada") };
        let IcpList { icps, next, .. } = repository.read_list(&query).await;
        assert_eq!((icps.to_json().as_str(), next), ("[]", None), "{query:?}");
    }
    // A client can send a cursor with any text.
    let cursor = ListCursor { key: SortKey::Name("a\0".to_owned()), id: id(1) };
    let query = ListQuery { start: ListStart::After(cursor), ..everything("user_ada") };
    let after = repository.read_list(&query).await.icps.to_json();
    assert_eq!(after, array(documents.iter().skip(1)), "`a` sorts before `a` with U+0000, and `b` after it");
}
