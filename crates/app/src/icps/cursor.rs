use aws_lc_rs::digest::{Context, SHA256};
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use icp_domain::{Caller, IcpId, Timestamp};
use icp_ports::{Place, PlaceKey, Sort};
use uuid::Uuid;

use super::ListRequest;

/// The form that follows. A cursor of another form is refused, so that a new one can be told from it.
const FORM: u8 = 1;
const SEAL: usize = 8;

/// Writes and reads the places in one list of one caller. For clients a cursor is opaque.
///
/// It is sealed with what it belongs to: in another list, or in another user's hands, it is of no use. That is a guard
/// against mistakes. Whoever made up a cursor would see nothing but their own list.
pub(super) struct Cursor {
    seal: [u8; SEAL],
    sort: Sort,
}

impl Cursor {
    pub(super) fn new(caller: &Caller, request: &ListRequest) -> Self {
        let ListRequest { active, updated_since, name, provider, sort, direction, limit: _, cursor: _ } =
            request;
        let list = format!("{active:?} {updated_since:?} {name:?} {provider:?} {sort:?} {direction:?}");
        let mut digest = Context::new(&SHA256);
        digest.update(caller.user_id().as_str().as_bytes());
        digest.update(&[0]);
        digest.update(list.as_bytes());
        let seal = digest.finish().as_ref().first_chunk().copied().unwrap_or_default();
        Self { seal, sort: *sort }
    }

    pub(super) fn at(&self, place: &Place) -> String {
        let mut bytes = vec![FORM];
        bytes.extend(self.seal);
        bytes.extend(place.id.as_uuid().as_bytes());
        match &place.key {
            PlaceKey::Time(time) => bytes.extend(time.unix_millis().to_be_bytes()),
            PlaceKey::Name(name) => bytes.extend(name.as_bytes()),
        }
        BASE64_URL_SAFE_NO_PAD.encode(bytes)
    }

    /// The place, if this is a cursor of this list.
    pub(super) fn read(&self, cursor: &str) -> Option<Place> {
        let bytes = BASE64_URL_SAFE_NO_PAD.decode(cursor).ok()?;
        let (&form, bytes) = bytes.split_first()?;
        let (seal, bytes) = bytes.split_first_chunk::<SEAL>()?;
        if form != FORM || *seal != self.seal {
            return None;
        }
        let (id, key) = bytes.split_first_chunk::<16>()?;
        let key = match self.sort {
            Sort::CreatedAt | Sort::UpdatedAt => {
                let millis = i64::from_be_bytes(key.try_into().ok()?);
                PlaceKey::Time(Timestamp::from_unix_millis(millis)?)
            }
            Sort::Name => PlaceKey::Name(std::str::from_utf8(key).ok()?.to_owned()),
        };
        Some(Place { key, id: IcpId::from(Uuid::from_bytes(*id)) })
    }
}

#[cfg(test)]
mod tests {
    use icp_domain::Caller;
    use icp_ports::{Direction, Place, PlaceKey, Sort};
    use icp_testkit::fixtures::{id, user};

    use super::Cursor;
    use crate::icps::ListRequest;

    fn places() -> [(Sort, Place); 3] {
        let time = "2024-01-15T10:30:00.123Z".parse().expect("a time");
        [
            (Sort::CreatedAt, Place { key: PlaceKey::Time(time), id: id(7) }),
            (Sort::UpdatedAt, Place { key: PlaceKey::Time(time), id: id(8) }),
            (Sort::Name, Place { key: PlaceKey::Name("ömega 🦀".to_owned()), id: id(9) }),
        ]
    }

    fn cursor(user_id: &str, request: &ListRequest) -> Cursor {
        Cursor::new(&Caller::user(user(user_id)), request)
    }

    #[test]
    fn a_cursor_leads_back_to_its_place() {
        for (sort, place) in places() {
            let cursor = cursor("user_ada", &ListRequest { sort, ..ListRequest::default() });
            let text = cursor.at(&place);
            assert!(text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte)), "{text}");
            assert_eq!(cursor.read(&text), Some(place));
        }
    }

    #[test]
    fn another_users_cursor_or_another_lists_is_of_no_use() {
        for (sort, place) in places() {
            let request = ListRequest { sort, ..ListRequest::default() };
            let text = cursor("user_ada", &request).at(&place);
            assert_eq!(cursor("user_eve", &request).read(&text), None);
            let others = [
                ListRequest { active: Some(true), ..request.clone() },
                ListRequest { name: Some("a".to_owned()), ..request.clone() },
                ListRequest { provider: Some("a".to_owned()), ..request.clone() },
                ListRequest { updated_since: "2024-01-15T10:30:00Z".parse().ok(), ..request.clone() },
                ListRequest { direction: Direction::Descending, ..request.clone() },
            ];
            for other in others {
                assert_eq!(cursor("user_ada", &other).read(&text), None, "{other:?}");
            }
            let by_another_limit = ListRequest { limit: Some(3), ..request };
            assert_eq!(cursor("user_ada", &by_another_limit).read(&text), Some(place));
        }
    }

    #[test]
    fn a_damaged_cursor_leads_nowhere() {
        let [(_, place), ..] = places();
        let cursor = cursor("user_ada", &ListRequest::default());
        let text = cursor.at(&place);
        for end in 0..text.len() {
            assert_eq!(text.get(..end).and_then(|start| cursor.read(start)), None);
        }
        for damaged in [format!("{text}A"), format!("{text}="), text.replacen('A', "B", 1), "é".to_owned()] {
            assert_eq!(cursor.read(&damaged), None, "{damaged}");
        }
    }
}
