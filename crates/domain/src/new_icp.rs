use crate::criteria::{CrmFilters, CustomFilter, LeadProviderCriterion};
use crate::decode::{self, Decode, Decoder, Rules};
use crate::extra::ExtraMembers;
use crate::fault::{FaultCode, Faults};
use crate::json::Json;
use crate::part::Part;
use crate::{Icp, IcpId, Timestamp, UserId, members};

/// What a user writes to create an ICP: the body of the request.
///
/// ```
/// use icp_domain::{NewIcp, Timestamp, UserId};
///
/// let ada: UserId = "user_ada".parse()?;
/// let new = NewIcp::from_json(r#"{"name": "SMB", "leadProviderCriteria": [], "userIds": ["user_bob"]}"#)?;
/// let icp = new.create(uuid::Uuid::nil().into(), &ada, Timestamp::UNIX_EPOCH);
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
    pub fn create(self, id: IcpId, creator: &UserId, now: Timestamp) -> Icp {
        let mut user_ids = self.user_ids;
        if !user_ids.contains(creator) {
            user_ids.push(creator.clone());
        }
        Icp {
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
        }
    }
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
