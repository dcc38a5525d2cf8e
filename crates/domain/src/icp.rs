use serde::Serialize;

use crate::criteria::{CrmFilters, CustomFilter, LeadProviderCriterion};
use crate::decode::{self, Decode, Decoder, Rules, impl_deserialize};
use crate::extra::ExtraMembers;
use crate::fault::Faults;
use crate::json::Json;
use crate::part::Part;
use crate::{IcpId, Timestamp, UserId, members};

/// An Ideal Customer Profile: the criteria by which sales leads are found, filtered and drawn from a CRM.
///
/// It serializes to the wire form of the contract: every field, in this order, defaults stated, and after them what
/// this version does not know. With serde it is read as leniently as from storage ([`Rules::Stored`]), from JSON only.
///
/// `Part` and the `Unknown` variants of its enumerations are what makes reading lossless; see [`Part`].
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Icp {
    /// The identifier.
    pub id: IcpId,
    /// The display name.
    pub name: String,
    /// What it is about.
    pub description: Option<String>,
    /// When it was created.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
    /// Searches to run at lead providers.
    pub lead_provider_criteria: Vec<Part<LeadProviderCriterion>>,
    /// Filters applied after the provider's search.
    pub custom_filter_criteria: Vec<Part<CustomFilter>>,
    /// What is drawn from a CRM.
    pub crm_filters: Option<Part<CrmFilters>>,
    /// The users with access, in their stored order.
    pub user_ids: Vec<UserId>,
    /// Leads in each generated list.
    pub leads_per_list: i64,
    /// When it expires; never when `None`. An expired ICP stays visible.
    pub active_until: Option<Timestamp>,
    /// What this version does not know.
    #[serde(flatten)]
    pub extra: ExtraMembers,
}

impl Icp {
    /// What a missing `leadsPerList` means.
    pub const DEFAULT_LEADS_PER_LIST: i64 = 10;

    /// Reads an ICP from JSON.
    ///
    /// ```
    /// use icp_domain::{Icp, Rules};
    ///
    /// let faults = Icp::from_json(r#"{"id": 7, "colour": "red"}"#, Rules::Strict).unwrap_err();
    /// let pointers: Vec<_> = faults.all().iter().map(|fault| fault.pointer.as_str()).collect();
    /// assert!(pointers.contains(&"/id") && pointers.contains(&"/name") && pointers.contains(&"/colour"));
    /// ```
    ///
    /// # Errors
    ///
    /// Every fault at once. Under [`Rules::Stored`] and [`Rules::Storable`], `id`, `name`, `createdAt`, `updatedAt`,
    /// `leadProviderCriteria` and `userIds` must be there, and each member of the ICP itself be of its type, stand once
    /// and be Unicode text.
    pub fn from_json(text: &str, rules: Rules) -> Result<Self, Faults> {
        decode::document(text, rules)
    }

    /// The wire form, without blanks.
    pub fn to_json(&self) -> String {
        // Its names are strings, and nothing in it refuses to be written: this does not fail.
        serde_json::to_string(self).unwrap_or_default()
    }

    /// Checks an ICP that was put together by hand as strictly as one that is written through the API.
    ///
    /// # Errors
    ///
    /// Every fault at once.
    pub fn validate(&self) -> Result<(), Faults> {
        Self::from_json(&self.to_json(), Rules::Strict).map(drop)
    }
}

impl_deserialize!(Icp);

impl Decode for Icp {
    fn decode(decoder: &mut Decoder, json: Json<'_>) -> Option<Self> {
        let fields = &mut decoder.object(json)?;
        let id = decoder.required(fields, "id", Decoder::icp_id);
        let name = decoder.required(fields, "name", members::name);
        let description = decoder.or_else(fields, "description", || None, members::description);
        let created_at = decoder.required(fields, "createdAt", Decoder::timestamp);
        let updated_at = decoder.required(fields, "updatedAt", Decoder::timestamp);
        let lead_provider_criteria =
            decoder.required(fields, "leadProviderCriteria", members::lead_provider_criteria);
        let custom_filter_criteria =
            decoder.or_else(fields, "customFilterCriteria", Vec::new, members::custom_filters);
        let crm_filters = decoder.or_else(fields, "crmFilters", || None, members::crm_filters);
        let user_ids = decoder.required(fields, "userIds", Decoder::user_ids);
        let leads_per_list =
            decoder.or_else(fields, "leadsPerList", || Self::DEFAULT_LEADS_PER_LIST, members::leads_per_list);
        let active_until = decoder.or_else(fields, "activeUntil", || None, members::active_until);
        let extra = decoder.extra(fields);
        Some(Self {
            id: id?,
            name: name?,
            description: description?,
            created_at: created_at?,
            updated_at: updated_at?,
            lead_provider_criteria: lead_provider_criteria?,
            custom_filter_criteria: custom_filter_criteria?,
            crm_filters: crm_filters?,
            user_ids: user_ids?,
            leads_per_list: leads_per_list?,
            active_until: active_until?,
            extra,
        })
    }
}
