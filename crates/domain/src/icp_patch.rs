use crate::criteria::{CrmFilters, CustomFilter, LeadProviderCriterion};
use crate::decode::{self, Decode, Decoder, Rules};
use crate::fault::{Fault, FaultCode, Faults};
use crate::json::{Json, Pointer};
use crate::part::Part;
use crate::{Caller, Icp, IcpId, Timestamp, UserId, members};

/// What a user writes to change an ICP: the body of the request, merged member by member at the top level.
///
/// A member that is absent stays as it is; `null` clears `description`, `crmFilters` and `activeUntil`; arrays and objects
/// are replaced whole.
///
/// `id`, `createdAt` and `updatedAt` may be sent back unchanged, as a client does that reads, edits and returns the whole
/// ICP.
#[derive(Clone, Debug, PartialEq)]
#[expect(clippy::option_option, reason = "whether it is in the body, and whether it is null there")]
pub struct IcpPatch {
    id: Option<IcpId>,
    created_at: Option<Timestamp>,
    updated_at: Option<Timestamp>,
    name: Option<String>,
    description: Option<Option<String>>,
    lead_provider_criteria: Option<Vec<Part<LeadProviderCriterion>>>,
    custom_filter_criteria: Option<Vec<Part<CustomFilter>>>,
    crm_filters: Option<Option<Part<CrmFilters>>>,
    user_ids: Option<Vec<UserId>>,
    leads_per_list: Option<i64>,
    active_until: Option<Option<Timestamp>>,
}

impl IcpPatch {
    /// Reads the body, strictly.
    ///
    /// # Errors
    ///
    /// Every fault at once.
    pub fn from_json(text: &str) -> Result<Self, Faults> {
        decode::document(text, Rules::Strict)
    }

    /// The ICP as the patch makes it; `None` when that is what it is already.
    ///
    /// `updatedAt` is `now`, or a millisecond after what it was where the clock has not moved on: it never goes back, and
    /// always moves.
    ///
    /// What `icp` holds and this version does not understand stays, unless the patch replaces it.
    ///
    /// # Errors
    ///
    /// Read-only members that differ from the ICP's own, and empty `userIds` unless an admin leaves them so: nobody
    /// else could see the ICP again.
    pub fn apply(&self, icp: &Icp, by: &Caller, now: Timestamp) -> Result<Option<Icp>, Faults> {
        Faults::check(self.objections(icp, by))?;
        let mut patched = icp.clone();
        let patch = self.clone();
        replace(&mut patched.name, patch.name);
        replace(&mut patched.description, patch.description);
        replace(&mut patched.lead_provider_criteria, patch.lead_provider_criteria);
        replace(&mut patched.custom_filter_criteria, patch.custom_filter_criteria);
        replace(&mut patched.crm_filters, patch.crm_filters);
        replace(&mut patched.user_ids, patch.user_ids);
        replace(&mut patched.leads_per_list, patch.leads_per_list);
        replace(&mut patched.active_until, patch.active_until);
        if patched == *icp {
            return Ok(None);
        }
        patched.updated_at = now.max(icp.updated_at.next());
        Ok(Some(patched))
    }

    fn objections(&self, icp: &Icp, by: &Caller) -> Vec<Fault> {
        let read_only = [
            ("id", self.id.is_some_and(|id| id != icp.id)),
            ("createdAt", self.created_at.is_some_and(|time| time != icp.created_at)),
            ("updatedAt", self.updated_at.is_some_and(|time| time != icp.updated_at)),
        ];
        let changed = read_only.into_iter().filter(|(_, differs)| *differs).map(|(name, _)| {
            fault(name, FaultCode::ReadOnly, "must be left out, or be what it is: only the service sets it")
        });
        let deserted = self.user_ids.as_ref().is_some_and(Vec::is_empty) && !by.is_admin();
        let deserted = deserted.then(|| {
            fault("userIds", FaultCode::InvalidValue, "must name a user: only an admin may leave it empty")
        });
        changed.chain(deserted).collect()
    }
}

fn fault(member: &str, code: FaultCode, detail: &'static str) -> Fault {
    Fault { pointer: Pointer::default().member(member), code, detail: detail.into() }
}

fn replace<T>(place: &mut T, value: Option<T>) {
    if let Some(value) = value {
        *place = value;
    }
}

impl Decode for IcpPatch {
    fn decode(decoder: &mut Decoder, json: Json<'_>) -> Option<Self> {
        let fields = &mut decoder.object(json)?;
        let id = decoder.optional(fields, "id", Decoder::icp_id);
        let created_at = decoder.optional(fields, "createdAt", Decoder::timestamp);
        let updated_at = decoder.optional(fields, "updatedAt", Decoder::timestamp);
        let name = decoder.optional(fields, "name", members::name);
        let description = decoder.optional(fields, "description", members::description);
        let lead_provider_criteria =
            decoder.optional(fields, "leadProviderCriteria", members::lead_provider_criteria);
        let custom_filter_criteria =
            decoder.optional(fields, "customFilterCriteria", members::custom_filters);
        let crm_filters = decoder.optional(fields, "crmFilters", members::crm_filters);
        let user_ids = decoder.optional(fields, "userIds", Decoder::user_ids);
        let leads_per_list = decoder.optional(fields, "leadsPerList", members::leads_per_list);
        let active_until = decoder.optional(fields, "activeUntil", members::active_until);
        decoder.extra(fields);
        Some(Self {
            id: id?,
            created_at: created_at?,
            updated_at: updated_at?,
            name: name?,
            description: description?,
            lead_provider_criteria: lead_provider_criteria?,
            custom_filter_criteria: custom_filter_criteria?,
            crm_filters: crm_filters?,
            user_ids: user_ids?,
            leads_per_list: leads_per_list?,
            active_until: active_until?,
        })
    }
}
