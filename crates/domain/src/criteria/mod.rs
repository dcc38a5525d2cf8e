//! The criteria of an ICP: where leads are searched, how they are filtered, what is drawn from a CRM.

mod crm;
mod custom_filter;
mod filters;
mod lead_provider;

pub use crm::{CrmCondition, CrmFilters, CrmProvider};
pub use custom_filter::CustomFilter;
pub use filters::{
    AiFilter, EntityType, MatchFieldWithRegex, MaxPeoplePerCompany, MaxPercentFromCrm, MinDaysUntilReuse,
    WebscrapingFilter, WebsiteFilter,
};
pub use lead_provider::{LeadProvider, LeadProviderCriterion, SearchType};
