use crate::decode::format::{lead_provider_filters, open};
use crate::decode::{Field, impl_deserialize, record};
use crate::json::JsonText;
use crate::open_enum::open_enum;
use crate::unknown_fields::UnknownFields;

open_enum! {
    /// A service that searches for leads.
    LeadProvider {
        /// `"baseProvider"`, the only lead provider that this version knows.
        BaseProvider = "baseProvider",
    }
}

open_enum! {
    /// The kind of lead that a search finds.
    SearchType {
        /// `"person"`, the default of a criterion without a type.
        Person = "person",
        /// `"company"`
        Company = "company",
    }
}

record! {
    /// A search to run at a lead provider.
    LeadProviderCriterion {
        /// The lead provider.
        provider: LeadProvider = Field::provider_name("provider", open::<LeadProvider>());
        /// The kind of lead that the search finds. Legacy records omit it, which means `person`.
        search_type: SearchType = Field::with_default("type", open::<SearchType>(), SearchType::Person);
        /// The search, in the format of the provider: an object with any JSON inside, returned as it was sent.
        filters: JsonText = Field::required("filters", lead_provider_filters());
    }
}

impl_deserialize!(LeadProviderCriterion);

impl LeadProviderCriterion {
    /// Creates a search at the base provider.
    pub fn new(search_type: SearchType, filters: JsonText) -> Self {
        Self {
            provider: LeadProvider::BaseProvider,
            search_type,
            filters,
            unknown_fields: UnknownFields::default(),
        }
    }
}
