use std::marker::PhantomData;

use super::{IcpPatch, NewIcp};
use crate::criteria::{CrmFilters, CustomFilter, LeadProviderCriterion};
use crate::decode::{self, Decode, Rules};
use crate::maybe_known::MaybeKnown;
use crate::violation::ValidationErrors;
use crate::{Timestamp, UserId};

/// Builds the body of a request from Rust values: a [`NewIcp`] or an [`IcpPatch`]. Fields that are not set have their
/// defaults in a `NewIcp`, and are absent from an `IcpPatch`.
#[derive(Clone, Debug)]
#[must_use]
pub struct BodyBuilder<T>(IcpPatch, PhantomData<T>);

/// Declares setters of the body.
macro_rules! setters {
    ($($(#[$doc:meta])+ $name:ident($($value:ident: $type:ty)?) => |$body:ident| $change:expr;)+) => {$(
        $(#[$doc])+
        pub fn $name(mut self$(, $value: $type)?) -> Self {
            let $body = &mut self.0;
            $change;
            self
        }
    )+};
}

impl<T> BodyBuilder<T> {
    pub(super) fn new() -> Self {
        Self(IcpPatch::default(), PhantomData)
    }

    setters! {
        /// Sets the display name.
        name(name: impl Into<String>) => |body| body.name = Some(name.into());
        /// Sets the description.
        description(text: impl Into<String>) => |body| body.description = Some(Some(text.into()));
        /// Adds searches. In a patch, the added searches replace the searches of the ICP.
        searches(searches: impl IntoIterator<Item = LeadProviderCriterion>) => |body| {
            let known = searches.into_iter().map(MaybeKnown::Known);
            body.lead_provider_criteria.get_or_insert_default().extend(known);
        };
        /// Adds custom filters. In a patch, the added filters replace the filters of the ICP.
        filters(filters: impl IntoIterator<Item = CustomFilter>) => |body| {
            let known = filters.into_iter().map(MaybeKnown::Known);
            body.custom_filter_criteria.get_or_insert_default().extend(known);
        };
        /// Sets the CRM filters.
        crm_filters(filters: CrmFilters) => |body| body.crm_filters = Some(Some(MaybeKnown::Known(filters)));
        /// Adds users. In a patch, the added users replace the users of the ICP. A patch with
        /// `users([])` removes all users, which [`IcpPatch::apply`] allows only to an admin.
        users(user_ids: impl IntoIterator<Item = UserId>) =>
            |body| body.user_ids.get_or_insert_default().extend(user_ids);
        /// Sets the number of leads in each generated list.
        leads_per_list(leads: i64) => |body| body.leads_per_list = Some(leads);
        /// Sets the time of expiry.
        active_until(time: Timestamp) => |body| body.active_until = Some(Some(time));
    }

    /// Adds a search, see [`Self::searches`].
    pub fn search(self, search: LeadProviderCriterion) -> Self {
        self.searches([search])
    }

    /// Adds a custom filter, see [`Self::filters`].
    pub fn filter(self, filter: impl Into<CustomFilter>) -> Self {
        self.filters([filter.into()])
    }

    fn decode<B: Decode>(&self) -> Result<B, ValidationErrors> {
        decode::document(&decode::to_json(&self.0), Rules::Strict, B::decode)
    }
}

impl BodyBuilder<NewIcp> {
    /// Validates the body as strictly as a body that is read from JSON.
    ///
    /// # Errors
    ///
    /// The violations in document order, at most [`VIOLATIONS`](crate::limits::VIOLATIONS).
    pub fn build(self) -> Result<NewIcp, ValidationErrors> {
        self.decode()
    }
}

impl BodyBuilder<IcpPatch> {
    setters! {
        /// Clears the description.
        clear_description() => |body| body.description = Some(None);
        /// Clears the CRM filters.
        clear_crm_filters() => |body| body.crm_filters = Some(None);
        /// Clears the time of expiry, so that the ICP never expires.
        clear_active_until() => |body| body.active_until = Some(None);
        /// Applies the patch only to the version of the ICP with this `updatedAt`.
        unless_changed_since(updated_at: Timestamp) => |body| body.updated_at = Some(updated_at);
    }

    /// Validates the body as strictly as a body that is read from JSON.
    ///
    /// # Errors
    ///
    /// The violations in document order, at most [`VIOLATIONS`](crate::limits::VIOLATIONS).
    pub fn build(self) -> Result<IcpPatch, ValidationErrors> {
        self.decode()
    }
}
