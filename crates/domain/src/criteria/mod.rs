//! The criteria of an ICP: searches at lead providers, custom filters and CRM filters.

mod crm;
mod custom_filter;
mod filters;
mod lead_provider;

pub use crate::open_enum::UnknownName;
pub use crm::{CrmCondition, CrmFilters, CrmProvider};
pub use custom_filter::CustomFilter;
pub use filters::{
    AiFilter, EntityType, MatchFieldWithRegex, MaxPeoplePerCompany, MaxPercentFromCrm, MinDaysUntilReuse,
    WebscrapingFilter, WebsiteFilter,
};
pub use lead_provider::{LeadProvider, LeadProviderCriterion, SearchType};
