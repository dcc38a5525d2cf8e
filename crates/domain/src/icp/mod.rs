mod bodies;
mod builder;
mod copy;
mod fields;
mod history;
mod new_icp;
mod patch;
mod restore;

use crate::criteria::{CustomFilter, LeadProviderCriterion, SearchType};
use crate::decode::{self, Decode as _, Rules};
use crate::maybe_known::MaybeKnown;
use crate::violation::ValidationErrors;

pub use builder::BodyBuilder;
pub use copy::IcpCopy;
pub use fields::{Icp, IcpPatch, NewIcp};
pub use patch::PatchError;
pub use restore::IcpRestore;

impl Icp {
    /// The default of `leadsPerList`.
    pub const DEFAULT_LEADS_PER_LIST: i64 = 10;

    /// Reads an ICP from JSON.
    ///
    /// # Errors
    ///
    /// The violations in document order, at most [`VIOLATIONS`](crate::limits::VIOLATIONS). [`Rules::Stored`] and
    /// [`Rules::Storable`] check only the shape: `id`, `name`, `createdAt`, `updatedAt`, `leadProviderCriteria` and
    /// `userIds` must be present. Every known top-level field must have its type, occur once, and contain valid
    /// Unicode. A user ID must not be empty. [`Rules::Storable`] also refuses values that a database cannot store.
    pub fn from_json(text: &str, rules: Rules) -> Result<Self, ValidationErrors> {
        decode::document(text, rules, Self::decode)
    }

    /// Returns the wire form on one line.
    pub fn to_json(&self) -> String {
        decode::to_json(self)
    }

    /// Validates an ICP that a program has changed or created: known fields and values must be within their limits.
    ///
    /// Unknown fields and values are accepted, so that a program can read, change, validate and write a stored ICP. To
    /// apply one change, use [`IcpPatch`](crate::IcpPatch). To create an ICP, use [`NewIcp`](crate::NewIcp).
    ///
    /// # Errors
    ///
    /// The violations in document order, at most [`VIOLATIONS`](crate::limits::VIOLATIONS).
    pub fn validate(&self) -> Result<(), ValidationErrors> {
        Self::from_json(&self.to_json(), Rules::Edited).map(drop)
    }

    /// Returns the searches of the type `search_type`, in their order. Omits unknown searches
    /// ([`MaybeKnown::Unknown`]).
    pub fn searches(&self, search_type: &SearchType) -> impl Iterator<Item = &LeadProviderCriterion> {
        let known = self.lead_provider_criteria.iter().filter_map(MaybeKnown::known);
        known.filter(move |search| search.search_type == *search_type)
    }

    /// Returns the custom filters, in their order. Omits unknown filters ([`MaybeKnown::Unknown`]).
    pub fn filters(&self) -> impl Iterator<Item = &CustomFilter> {
        self.custom_filter_criteria.iter().filter_map(MaybeKnown::known)
    }
}
