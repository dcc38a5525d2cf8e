//! Declares the fields of an ICP once: for the ICP, the body that creates it, the body that changes it, and their
//! schemas.

use super::bodies::{differing_fields, icp_patch, new_icp};
use crate::criteria::{CrmFilters, CustomFilter, LeadProviderCriterion};
use crate::decode::format::{icp_id, integer, list, nullable, part, text, time, user_ids, visible_text};
use crate::decode::{Field, impl_deserialize, record};
use crate::maybe_known::MaybeKnown;
use crate::{IcpId, Timestamp, UserId, limits};

/// Declares [`Icp`], [`NewIcp`], [`IcpPatch`] and the comparison of two ICPs.
macro_rules! icp_fields {
    ($($fields:tt)+) => {
        record! {
            /// An Ideal Customer Profile: criteria to find sales leads at providers, to filter them, and to select them
            /// in a CRM.
            ///
            /// An `Icp` serializes to the wire form of the contract: every field, in this order, with defaults filled
            /// in, and then the unknown fields.
            ///
            /// `Deserialize` reads only JSON, by the lenient rules [`Rules::Stored`](crate::Rules::Stored). It
            /// preserves the original text with `serde_json::value::RawValue`. That type fails inside
            /// `#[serde(flatten)]` and inside `untagged` and internally tagged enumerations.
            ///
            /// [`MaybeKnown`] and the `Unknown` variants of enumerations make reading lossless.
            Icp { $($fields)+ }
        }
        new_icp! { $($fields)+ }
        icp_patch! { $($fields)+ }
        differing_fields! { $($fields)+ }
    };
}

icp_fields! {
    /// Identifier.
    id: IcpId = Field::read_only("id", icp_id(), IcpId::NIL);
    /// Display name.
    name: String = Field::required("name", visible_text(limits::NAME));
    /// Description.
    description: Option<String> =
        Field::with_default("description", nullable(text(limits::DESCRIPTION)), None);
    /// Time of creation.
    created_at: Timestamp = Field::read_only("createdAt", time(), Timestamp::UNIX_EPOCH);
    /// Time of the last change. It increases with every change.
    updated_at: Timestamp = Field::read_only("updatedAt", time(), Timestamp::UNIX_EPOCH);
    /// Searches to run at lead providers.
    lead_provider_criteria: Vec<MaybeKnown<LeadProviderCriterion>> = Field::required(
        "leadProviderCriteria",
        list(part::<LeadProviderCriterion>(), limits::LEAD_PROVIDER_CRITERIA),
    );
    /// Filters that are applied after the provider search.
    custom_filter_criteria: Vec<MaybeKnown<CustomFilter>> = Field::with_default(
        "customFilterCriteria",
        list(part::<CustomFilter>(), limits::CUSTOM_FILTERS),
        Vec::new(),
    );
    /// Filters that select leads in a CRM.
    crm_filters: Option<MaybeKnown<CrmFilters>> =
        Field::with_default("crmFilters", nullable(part::<CrmFilters>()), None);
    /// Clerk IDs of the users with access, in the order in which they are stored.
    user_ids: Vec<UserId> = Field::default_in_new_icp("userIds", user_ids(), Vec::new());
    /// Leads in each generated list.
    leads_per_list: i64 =
        Field::with_default("leadsPerList", integer(limits::LEADS_PER_LIST), Icp::DEFAULT_LEADS_PER_LIST);
    /// Time of expiry; null if the ICP never expires. An expired ICP stays visible.
    active_until: Option<Timestamp> = Field::with_default("activeUntil", nullable(time()), None);
}

impl_deserialize!(Icp);
