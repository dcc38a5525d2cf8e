use std::borrow::Cow;

use crate::criteria::{CrmFilters, CustomFilter, LeadProviderCriterion};
use crate::decode::{self, Decode, Decoder, Rules};
use crate::extra::ExtraMembers;
use crate::fault::{Fault, FaultCode, Faults};
use crate::json::{Json, Pointer};
use crate::part::Part;
use crate::{Icp, IcpId, Timestamp, UserId, limits, members};

/// What a user writes to create an ICP: the body of the request.
///
/// ```
/// use icp_domain::{NewIcp, Timestamp, UserId};
///
/// let ada: UserId = "user_ada".parse()?;
/// let new = NewIcp::from_json(r#"{"name": "SMB", "leadProviderCriteria": [], "userIds": ["user_bob"]}"#)?;
/// let icp = new.create(uuid::Uuid::nil().into(), &ada, Timestamp::UNIX_EPOCH)?;
/// assert_eq!(icp.user_ids, ["user_bob".parse()?, ada]);
/// assert_eq!(icp.created_at, icp.updated_at);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct NewIcp {
    name: String,
    description: Option<String>,
    lead_provider_criteria: Vec<Part<LeadProviderCriterion>>,
    custom_filter_criteria: Vec<Part<CustomFilter>>,
    crm_filters: Option<Part<CrmFilters>>,
    user_ids: Vec<UserId>,
    leads_per_list: i64,
    active_until: Option<Timestamp>,
}

impl NewIcp {
    /// Reads the body, strictly. `name` and `leadProviderCriteria` are required.
    ///
    /// # Errors
    ///
    /// Every fault at once. What only the service sets (`id`, `createdAt`, `updatedAt`) is [`FaultCode::ReadOnly`].
    pub fn from_json(text: &str) -> Result<Self, Faults> {
        decode::document(text, Rules::Strict)
    }

    /// The ICP. Its creator is among its users, last unless the body lists them.
    ///
    /// # Errors
    ///
    /// When there is no room for the creator beside the users that the body lists, or the creator's id is none that may be
    /// written.
    pub fn create(self, id: IcpId, creator: &UserId, now: Timestamp) -> Result<Icp, Faults> {
        let mut user_ids = self.user_ids;
        if !user_ids.contains(creator) {
            if let Some((code, detail)) = objection(&user_ids, creator) {
                return Err(Fault { pointer: Pointer::default().member("userIds"), code, detail }.into());
            }
            user_ids.push(creator.clone());
        }
        Ok(Icp {
            id,
            name: self.name,
            description: self.description,
            created_at: now,
            updated_at: now,
            lead_provider_criteria: self.lead_provider_criteria,
            custom_filter_criteria: self.custom_filter_criteria,
            crm_filters: self.crm_filters,
            user_ids,
            leads_per_list: self.leads_per_list,
            active_until: self.active_until,
            extra: ExtraMembers::default(),
        })
    }
}

/// What speaks against adding the creator to the users.
fn objection(listed: &[UserId], creator: &UserId) -> Option<(FaultCode, Cow<'static, str>)> {
    if listed.len() >= limits::USERS {
        let detail = format!("must leave room for its creator: {} users are the most", limits::USERS);
        return Some((FaultCode::TooLong, detail.into()));
    }
    let (code, detail) = creator.objection()?;
    Some((code, format!("takes its creator in, whose id {detail}").into()))
}

impl Decode for NewIcp {
    fn decode(decoder: &mut Decoder, json: Json<'_>) -> Option<Self> {
        let fields = &mut decoder.object(json)?;
        let read_only =
            ["id", "createdAt", "updatedAt"].map(|name| decoder.optional(fields, name, read_only));
        let name = decoder.required(fields, "name", members::name);
        let description = decoder.or_else(fields, "description", || None, members::description);
        let lead_provider_criteria =
            decoder.required(fields, "leadProviderCriteria", members::lead_provider_criteria);
        let custom_filter_criteria =
            decoder.or_else(fields, "customFilterCriteria", Vec::new, members::custom_filters);
        let crm_filters = decoder.or_else(fields, "crmFilters", || None, members::crm_filters);
        let user_ids = decoder.or_else(fields, "userIds", Vec::new, Decoder::user_ids);
        let leads_per_list =
            decoder.or_else(fields, "leadsPerList", || Icp::DEFAULT_LEADS_PER_LIST, members::leads_per_list);
        let active_until = decoder.or_else(fields, "activeUntil", || None, members::active_until);
        decoder.extra(fields);
        read_only.into_iter().collect::<Option<Vec<_>>>()?;
        Some(Self {
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

fn read_only(decoder: &mut Decoder, _: Json<'_>) -> Option<()> {
    decoder.fault(FaultCode::ReadOnly, "must be left out: only the service sets it")
}
