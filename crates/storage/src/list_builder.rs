use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::num::NonZeroUsize;

use icp_domain::IcpId;
use icp_ports::{IcpList, ListCursor, ListPart, ListQuery, ListVersion, Version, WireListBuilder};

/// Builds the result of a [`ListQuery`] from the rows that match it, in the query's order.
///
/// ```
/// use icp_domain::Caller;
/// use icp_ports::{ListQuery, Version};
/// use icp_storage::ListBuilder;
///
/// let query = ListQuery::everything(Caller::user("user_ada".parse()?).list_scope());
/// let mut list = ListBuilder::for_query(&query);
/// for number in 1..=2 {
///     list.push(uuid::Uuid::from_u128(number).into(), Version(1), Some("{}"));
/// }
/// let list = list.finish(None);
/// assert_eq!((list.icps.to_json().as_str(), list.next), ("[{},{}]", None));
/// # Ok::<(), icp_domain::EmptyUserId>(())
/// ```
#[derive(Clone, Debug)]
pub struct ListBuilder {
    limit: usize,
    max_bytes: usize,
    icps: WireListBuilder,
    bytes: usize,
    /// The number of rows so far, with and without documents.
    rows: usize,
    version: DefaultHasher,
}

impl ListBuilder {
    /// Starts a list with the limits of the query.
    pub fn for_query(query: &ListQuery) -> Self {
        Self::new(query.limit, query.max_bytes)
    }

    /// Starts a list that ends after `limit` ICPs, or after the document that brings its length to `max_bytes` or
    /// above.
    pub fn new(limit: Option<NonZeroUsize>, max_bytes: Option<NonZeroUsize>) -> Self {
        Self {
            limit: limit.map_or(usize::MAX, NonZeroUsize::get),
            max_bytes: max_bytes.map_or(usize::MAX, NonZeroUsize::get),
            icps: WireListBuilder::default(),
            bytes: 0,
            rows: 0,
            version: DefaultHasher::new(),
        }
    }

    /// Returns true if the list accepts no more documents. Its version still depends on further rows, up to one row
    /// after the limit.
    pub fn is_full(&self) -> bool {
        self.rows >= self.limit || self.bytes >= self.max_bytes || self.icps.len() < self.rows
    }

    /// Adds the next row, and its document if the list accepts it. Returns true if the document was added.
    ///
    /// A storage need not read documents after the list is full. A row without a document ends the list before this
    /// row.
    pub fn push(&mut self, id: IcpId, version: Version, document: Option<&str>) -> bool {
        let is_full = self.is_full();
        if self.rows < self.limit {
            (id, version).hash(&mut self.version);
        }
        self.rows += 1;
        let Some(document) = document.filter(|_| !is_full) else { return false };
        self.bytes += document.len();
        self.icps.push(document);
        true
    }

    /// Adds rows and their documents, joined by commas. Ignores the limits of the list.
    pub fn push_joined(&mut self, rows: impl ExactSizeIterator<Item = (IcpId, Version)>, documents: &str) {
        self.icps.push_joined(documents, rows.len());
        self.bytes += documents.len();
        self.rows += rows.len();
        rows.for_each(|row| row.hash(&mut self.version));
    }

    /// Returns the list. `last` is the position of the last row for which [`ListBuilder::push`] returned true.
    pub fn finish(mut self, last: Option<ListCursor>) -> IcpList {
        self.version.write_u8((self.rows > self.limit).into());
        let version = ListVersion(self.version.finish());
        let ListPart { icps, next } = self.finish_part(last);
        IcpList { icps, version, next }
    }

    /// Returns the list without its version.
    pub fn finish_part(self, last: Option<ListCursor>) -> ListPart {
        let is_incomplete = self.icps.len() < self.rows;
        ListPart { icps: self.icps.finish(), next: last.filter(|_| is_incomplete) }
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroUsize;

    use icp_domain::{IcpId, Timestamp};
    use icp_ports::{IcpList, ListCursor, SortKey, Version};

    use super::ListBuilder;

    fn id(number: u128) -> IcpId {
        uuid::Uuid::from_u128(number).into()
    }

    /// Builds a list from `rows` documents of ten bytes each.
    fn list(limit: Option<usize>, max_bytes: Option<usize>, rows: u128) -> IcpList {
        let nonzero = |number: Option<usize>| number.and_then(NonZeroUsize::new);
        let mut list = ListBuilder::new(nonzero(limit), nonzero(max_bytes));
        let mut end = None;
        for number in 1..=rows {
            let document = (!list.is_full()).then_some("\"12345678\"");
            if list.push(id(number), Version(1), document) {
                let key = SortKey::CreatedAt(Timestamp::UNIX_EPOCH);
                end = Some(ListCursor { key, id: id(number) });
            }
        }
        list.finish(end)
    }

    fn length_and_next(list: &IcpList) -> (usize, Option<IcpId>) {
        (list.icps.len(), list.next.as_ref().map(|cursor| cursor.id))
    }

    #[test]
    fn list_ends_at_limit_or_bytes() {
        assert_eq!(length_and_next(&list(None, None, 3)), (3, None));
        assert_eq!(length_and_next(&list(Some(3), None, 3)), (3, None));
        assert_eq!(length_and_next(&list(Some(2), None, 3)), (2, Some(id(2))));
        assert_eq!(
            length_and_next(&list(None, Some(1), 3)),
            (1, Some(id(1))),
            "a list must have at least one document"
        );
        assert_eq!(length_and_next(&list(None, Some(11), 3)), (2, Some(id(2))));
        assert_eq!(length_and_next(&list(None, Some(30), 3)), (3, None));
        assert_eq!(length_and_next(&list(Some(2), Some(10), 3)), (1, Some(id(1))));
        assert_eq!(length_and_next(&list(Some(2), Some(10), 0)), (0, None));
    }

    #[test]
    fn joined_documents_are_the_same_list() {
        for count in [0, 1, 2, 20_000] {
            let document = "\"12345678\"";
            let mut joined = ListBuilder::new(None, None);
            let rows = (1..=count).map(|number| (id(number as u128), Version(1)));
            joined.push_joined(rows.collect::<Vec<_>>().into_iter(), &vec![document; count].join(","));
            let (joined, single) = (joined.finish(None), list(None, None, count as u128));
            assert_eq!((joined.icps.len(), joined.version), (count, single.version));
            assert_eq!(joined.icps.to_json(), single.icps.to_json());
        }
    }

    #[test]
    fn version_ignores_max_bytes() {
        assert_eq!(list(None, Some(1), 3).version, list(None, None, 3).version);
        assert_eq!(list(Some(2), Some(1), 3).version, list(Some(2), None, 3).version);
    }

    #[test]
    fn version_depends_on_whether_rows_follow() {
        assert_ne!(list(Some(2), None, 3).version, list(Some(2), None, 2).version);
        assert_eq!(list(Some(2), None, 3).version, list(Some(2), None, 4).version);
    }
}
