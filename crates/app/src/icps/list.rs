use std::sync::Arc;

use icp_domain::{Caller, Timestamp, WireList};
use icp_ports::{Activity, Direction, ListFilter, ListQuery, ListVersion, Sort};

use super::cursor::Cursor;
use super::rest::Rest;
use super::{IcpService, Known, Refusal};

/// What a client asks of the list. By default all of it, oldest first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct ListRequest {
    pub(crate) active: Option<bool>,
    pub(crate) updated_since: Option<Timestamp>,
    /// In lower case.
    pub(crate) name: Option<String>,
    pub(crate) provider: Option<String>,
    pub(crate) sort: Sort,
    pub(crate) direction: Direction,
    pub(crate) limit: Option<usize>,
    /// What an answer before this one gave as the way to the next page.
    pub(crate) cursor: Option<String>,
}

/// What a client gets of the list.
#[derive(Debug)]
pub(crate) enum Listed {
    Icps {
        icps: WireList,
        version: ListVersion,
        /// The way to the next page, where there is one.
        cursor: Option<String>,
    },
    /// One that is too long to be held at once.
    Parts { first: WireList, version: ListVersion, rest: Rest },
    /// It is still in a state that the client knows.
    Unchanged(ListVersion),
}

impl IcpService {
    /// The ICPs that name the caller, unless the list is in one of the states that the client knows.
    ///
    /// Which state it is in says the repository, each time. Documents are read when that is one that nobody here knows.
    pub(crate) async fn list(
        &self,
        caller: &Caller,
        request: &ListRequest,
        known: Option<&Known<ListVersion>>,
    ) -> Result<Listed, Refusal> {
        let query = self.query(caller, request)?;
        let reader = self.reader_for(caller);
        let remembered = self.list_memory.recall(&query);
        if known.is_some() || remembered.is_some() {
            let version = reader.list_version(&query).await?;
            if known.is_some_and(|known| known.contains(&version)) {
                return Ok(Listed::Unchanged(version));
            }
            if let Some(list) = remembered.filter(|list| list.version == version) {
                return Ok(Listed::Icps { icps: list.icps, version, cursor: None });
            }
        }
        let list = reader.list(&query).await?;
        self.list_memory.remember(&query, &list);
        if list.next.is_some() && request.limit.is_none() {
            return self.in_parts(query).await;
        }
        let cursor = list.next.map(|place| Cursor::new(caller, request).at(&place));
        Ok(Listed::Icps { icps: list.icps, version: list.version, cursor })
    }

    /// The list, one part after the other, each of which is what the repository holds when it is read.
    ///
    /// Its version is that of the whole before any of it was read, from where it is read: whatever changes meanwhile, whoever
    /// has the answer and asks again finds that it is no longer in this state.
    async fn in_parts(&self, query: ListQuery) -> Result<Listed, Refusal> {
        let version = self.repository.list_version(&query).await?;
        let list = self.repository.list(&query).await?;
        let Some(place) = list.next else {
            return Ok(Listed::Icps { icps: list.icps, version: list.version, cursor: None });
        };
        let rest = Rest::new(Arc::clone(&self.repository), query, place);
        Ok(Listed::Parts { first: list.icps, version, rest })
    }

    fn query(&self, caller: &Caller, request: &ListRequest) -> Result<ListQuery, Refusal> {
        let after = match &request.cursor {
            Some(cursor) => {
                let place = Cursor::new(caller, request).read(cursor);
                Some(place.ok_or(Refusal::ForeignCursor)?)
            }
            None => None,
        };
        let now = request.active.map(|active| (active, self.clock.now()));
        Ok(ListQuery {
            scope: caller.list_scope(),
            filter: ListFilter {
                activity: now.map(
                    |(active, now)| {
                        if active { Activity::ActiveAt(now) } else { Activity::ExpiredAt(now) }
                    },
                ),
                updated_since: request.updated_since,
                name: request.name.clone(),
                provider: request.provider.clone(),
            },
            sort: request.sort,
            direction: request.direction,
            limit: request.limit,
            after,
            max_bytes: Some(self.max_bytes),
        })
    }
}
