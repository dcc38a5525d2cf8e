use icp_domain::{IcpDocument, ProviderList};
use icp_ports::{
    Direction, IcpList, ListFilter, ListQuery, ListVersionBuilder, Place, PlaceKey, Sort, Version,
};

use super::State;

impl State {
    pub(super) fn list(&self, query: &ListQuery) -> IcpList {
        let mut wanted: Vec<(Place, &IcpDocument, Version)> = self
            .icps
            .values()
            .filter(|(document, _)| {
                query.scope.includes(document.members()) && is_wanted(document, &query.filter)
            })
            .map(|(document, version)| (place(document, query.sort), document, *version))
            .collect();
        wanted.sort_by(|(one, ..), (other, ..)| one.cmp(other));
        if query.direction == Direction::Descending {
            wanted.reverse();
        }
        if let Some(after) = &query.after {
            wanted.retain(|(place, ..)| match query.direction {
                Direction::Ascending => place > after,
                Direction::Descending => place < after,
            });
        }
        let most = query.limit.unwrap_or(usize::MAX).min(how_many_fit(&wanted, query.max_bytes));
        let has_more = wanted.len() > most;
        wanted.truncate(most);
        let mut version = ListVersionBuilder::default();
        for (_, document, state) in &wanted {
            version.push(document.id(), *state);
        }
        IcpList {
            icps: wanted.iter().map(|(_, document, _)| document.json()).collect(),
            version: version.finish(has_more),
            next: wanted.pop().filter(|_| has_more).map(|(place, ..)| place),
        }
    }
}

/// As many as it takes to reach so many bytes.
fn how_many_fit(wanted: &[(Place, &IcpDocument, Version)], max_bytes: Option<usize>) -> usize {
    let Some(max_bytes) = max_bytes else { return usize::MAX };
    let lengths = wanted.iter().map(|(_, document, _)| document.json().len());
    let before = lengths.scan(0, |sum, length| Some(std::mem::replace(sum, *sum + length)));
    before.take_while(|before| *before < max_bytes).count()
}

fn is_wanted(document: &IcpDocument, filter: &ListFilter) -> bool {
    let provider = filter.provider.as_deref().map(ProviderList::sought);
    filter.activity.is_none_or(|activity| activity.is_true_of(document.active_until()))
        && filter.updated_since.is_none_or(|since| document.updated_at() >= since)
        && filter.name.as_ref().is_none_or(|name| document.folded_name().contains(name))
        && provider.is_none_or(|provider| document.providers().as_str().contains(&provider))
}

fn place(document: &IcpDocument, sort: Sort) -> Place {
    let key = match sort {
        Sort::CreatedAt => PlaceKey::Time(document.created_at()),
        Sort::UpdatedAt => PlaceKey::Time(document.updated_at()),
        Sort::Name => PlaceKey::Name(document.folded_name().to_owned()),
    };
    Place { key, id: document.id() }
}
