use crate::decode::format::text;
use crate::decode::{self, Field, Rules};
use crate::violation::{ValidationErrors, Violation, ViolationCode};

/// The body that restores an ICP: `{"revision": "..."}`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IcpRestore {
    /// The version of the state to restore.
    pub revision: i64,
}

/// Length of the longest `i64` as text. A revision is a version, which is an `i64`.
const MAX_REVISION_CHARS: usize = 20;

impl IcpRestore {
    /// Reads the body strictly.
    ///
    /// # Errors
    ///
    /// The violations in document order, at most [`VIOLATIONS`](crate::limits::VIOLATIONS).
    pub fn from_json(json: &str) -> Result<Self, ValidationErrors> {
        let revision = decode::document(json, Rules::Strict, |decoder, json| {
            let fields = &mut decoder.object(json)?;
            let revision = Field::required("revision", text(MAX_REVISION_CHARS)).decode(decoder, fields);
            decoder.unknown_fields(fields);
            revision
        })?;
        let detail = "not a revision: it must be the `revision` of an entry in the history";
        let parsed = revision.parse().ok().filter(|parsed: &i64| parsed.to_string() == revision);
        parsed
            .map(|revision| Self { revision })
            .ok_or_else(|| Violation::of_field("revision", ViolationCode::InvalidValue, detail).into())
    }
}
