use aws_lc_rs::digest::{Context, SHA256};
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use icp_domain::{Caller, IcpId, Timestamp};
use icp_ports::{HistoryCursor, ListCursor, Sort, SortKey, Version};
use uuid::Uuid;

use crate::ListRequest;

/// The version of the encoding. A cursor of another version is refused.
const ENCODING_VERSION: u8 = 1;
/// The length of the digest in bytes.
const DIGEST_LENGTH: usize = 8;

/// Encodes and decodes cursors: positions in one list of one caller. They are opaque to clients.
///
/// A cursor contains a digest of its user and its list. A cursor of another list or user is refused, so that a client
/// notices its mistake. The digest is not access control: a client that forges a cursor still gets only its own list.
pub(crate) struct CursorCodec {
    digest: [u8; DIGEST_LENGTH],
    sort: Sort,
}

impl CursorCodec {
    pub(crate) fn new(caller: &Caller, request: &ListRequest) -> Self {
        // The digest covers all parameters that determine the ICPs of the list and their order.
        let list = ListRequest { limit: None, cursor: None, ..request.clone() };
        Self { digest: digest(caller, &format!("{list:?}")), sort: request.sort }
    }

    /// Encodes a position in the list.
    pub(crate) fn encode(&self, position: &ListCursor) -> String {
        let mut bytes = vec![ENCODING_VERSION];
        bytes.extend(self.digest);
        bytes.extend(position.id.as_uuid().as_bytes());
        match &position.key {
            SortKey::CreatedAt(time) | SortKey::UpdatedAt(time) | SortKey::ActiveUntil(Some(time)) => {
                bytes.extend(time.unix_millis().to_be_bytes());
            }
            SortKey::Name(name) => bytes.extend(name.as_bytes()),
            SortKey::ActiveUntil(None) => {}
        }
        BASE64_URL_SAFE_NO_PAD.encode(bytes)
    }

    /// Decodes a cursor. Returns `None` if it is not a cursor of this list.
    pub(crate) fn decode(&self, cursor: &str) -> Option<ListCursor> {
        let bytes = verified_position(cursor, self.digest)?;
        let (id, key) = bytes.split_first_chunk::<16>()?;
        let key = match self.sort {
            Sort::CreatedAt => SortKey::CreatedAt(time(key)?),
            Sort::UpdatedAt => SortKey::UpdatedAt(time(key)?),
            // No name contains U+0000, and PostgreSQL refuses it.
            Sort::Name if key.contains(&0) => return None,
            Sort::Name => SortKey::Name(std::str::from_utf8(key).ok()?.to_owned()),
            Sort::ActiveUntil if key.is_empty() => SortKey::ActiveUntil(None),
            Sort::ActiveUntil => SortKey::ActiveUntil(Some(time(key)?)),
        };
        Some(ListCursor { key, id: IcpId::from(Uuid::from_bytes(*id)) })
    }
}

/// Encodes and decodes the cursors of one caller in the history of one ICP or in the list of deleted ICPs. See
/// [`CursorCodec`].
pub(crate) struct HistoryCursorCodec([u8; DIGEST_LENGTH]);

impl HistoryCursorCodec {
    /// Returns the codec for the history of an ICP, or for the deleted ICPs if `id` is `None`.
    pub(crate) fn new(caller: &Caller, id: Option<IcpId>) -> Self {
        Self(digest(caller, &id.map_or_else(|| "deleted".to_owned(), |id| format!("history of {id}"))))
    }

    pub(crate) fn encode(&self, position: HistoryCursor) -> String {
        let mut bytes = vec![ENCODING_VERSION];
        bytes.extend(self.0);
        bytes.extend(position.id.as_uuid().as_bytes());
        bytes.extend(position.version.0.to_be_bytes());
        BASE64_URL_SAFE_NO_PAD.encode(bytes)
    }

    pub(crate) fn decode(&self, cursor: &str) -> Option<HistoryCursor> {
        let bytes = verified_position(cursor, self.0)?;
        let (id, version) = bytes.split_first_chunk::<16>()?;
        let version = Version(i64::from_be_bytes(version.try_into().ok()?));
        Some(HistoryCursor { version, id: IcpId::from(Uuid::from_bytes(*id)) })
    }
}

/// Returns a digest of a user and of the name of a list.
fn digest(caller: &Caller, list_name: &str) -> [u8; DIGEST_LENGTH] {
    let mut digest = Context::new(&SHA256);
    digest.update(caller.user_id().as_str().as_bytes());
    digest.update(&[0]);
    digest.update(list_name.as_bytes());
    digest.finish().as_ref().first_chunk().copied().unwrap_or_default()
}

/// Returns the encoded position in a cursor, if the cursor has this digest.
fn verified_position(cursor: &str, expected: [u8; DIGEST_LENGTH]) -> Option<Vec<u8>> {
    let bytes = BASE64_URL_SAFE_NO_PAD.decode(cursor).ok()?;
    let (&version, bytes) = bytes.split_first()?;
    let (digest, position) = bytes.split_first_chunk::<DIGEST_LENGTH>()?;
    (version == ENCODING_VERSION && *digest == expected).then(|| position.to_vec())
}

fn time(bytes: &[u8]) -> Option<Timestamp> {
    Timestamp::from_unix_millis(i64::from_be_bytes(bytes.try_into().ok()?))
}

#[cfg(test)]
mod tests {
    use icp_domain::Caller;
    use std::num::NonZeroUsize;

    use icp_ports::{Direction, HistoryCursor, ListCursor, Sort, SortKey, Version};
    use icp_testkit::fixtures::{id, user};

    use super::{CursorCodec, HistoryCursorCodec};
    use crate::ListRequest;

    fn positions() -> [(Sort, ListCursor); 5] {
        let time = "2024-01-15T10:30:00.123Z".parse().expect("must be a valid time");
        [
            (Sort::CreatedAt, ListCursor { key: SortKey::CreatedAt(time), id: id(7) }),
            (Sort::UpdatedAt, ListCursor { key: SortKey::UpdatedAt(time), id: id(8) }),
            (Sort::Name, ListCursor { key: SortKey::Name("ömega 🦀".to_owned()), id: id(9) }),
            (Sort::ActiveUntil, ListCursor { key: SortKey::ActiveUntil(Some(time)), id: id(10) }),
            (Sort::ActiveUntil, ListCursor { key: SortKey::ActiveUntil(None), id: id(11) }),
        ]
    }

    fn codec(user_id: &str, request: &ListRequest) -> CursorCodec {
        CursorCodec::new(&Caller::user(user(user_id)), request)
    }

    #[test]
    fn cursor_decodes_to_its_position() {
        for (sort, position) in positions() {
            let codec = codec("user_ada", &ListRequest { sort, ..ListRequest::default() });
            let text = codec.encode(&position);
            assert!(text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte)), "{text}");
            assert_eq!(codec.decode(&text), Some(position));
        }
    }

    #[test]
    fn cursor_is_valid_only_for_its_user_and_list() {
        for (sort, position) in positions() {
            let request = ListRequest { sort, ..ListRequest::default() };
            let text = codec("user_ada", &request).encode(&position);
            assert_eq!(codec("user_eve", &request).decode(&text), None);
            let others = [
                ListRequest { active: Some(true), ..request.clone() },
                ListRequest { name: Some("a".to_owned()), ..request.clone() },
                ListRequest { provider: Some("a".to_owned()), ..request.clone() },
                ListRequest { updated_since: "2024-01-15T10:30:00Z".parse().ok(), ..request.clone() },
                ListRequest { expires_from: "2024-01-15T10:30:00Z".parse().ok(), ..request.clone() },
                ListRequest { expires_before: "2024-01-15T10:30:00Z".parse().ok(), ..request.clone() },
                ListRequest { direction: Direction::Descending, ..request.clone() },
            ];
            for other in others {
                assert_eq!(codec("user_ada", &other).decode(&text), None, "{other:?}");
            }
            let with_other_limit = ListRequest { limit: NonZeroUsize::new(3), ..request };
            assert_eq!(codec("user_ada", &with_other_limit).decode(&text), Some(position));
        }
    }

    #[test]
    fn history_cursor_belongs_to_user_and_icp() {
        let position = HistoryCursor { version: Version(i64::MAX - 1), id: id(7) };
        let (ada, eve) = (Caller::user(user("user_ada")), Caller::user(user("user_eve")));
        let codec = |caller, icp: Option<u128>| HistoryCursorCodec::new(caller, icp.map(id));
        for icp in [None, Some(1)] {
            let text = codec(&ada, icp).encode(position);
            assert_eq!(codec(&ada, icp).decode(&text), Some(position));
            assert_eq!(codec(&ada, Some(2)).decode(&text), None);
            assert_eq!(codec(&eve, icp).decode(&text), None);
            for end in 0..text.len() {
                assert_eq!(text.get(..end).and_then(|start| codec(&ada, icp).decode(start)), None);
            }
        }
    }

    #[test]
    fn cursor_with_nul_is_refused() {
        let codec = codec("user_ada", &ListRequest { sort: Sort::Name, ..ListRequest::default() });
        let text = codec.encode(&ListCursor { key: SortKey::Name("a\0b".to_owned()), id: id(7) });
        assert_eq!(codec.decode(&text), None);
    }

    #[test]
    fn damaged_cursor_is_refused() {
        let [(_, position), ..] = positions();
        let codec = codec("user_ada", &ListRequest::default());
        let text = codec.encode(&position);
        for end in 0..text.len() {
            assert_eq!(text.get(..end).and_then(|start| codec.decode(start)), None);
        }
        for damaged in [format!("{text}A"), format!("{text}="), text.replacen('A', "B", 1), "é".to_owned()] {
            assert_eq!(codec.decode(&damaged), None, "{damaged}");
        }
    }
}
