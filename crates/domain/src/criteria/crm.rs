use crate::MaybeKnown;
use crate::decode::format::{any_json, boolean, filled_text, list, nullable, open, part, text};
use crate::decode::{Field, impl_deserialize, optional, record};
use crate::json::JsonText;
use crate::limits::{CRM_CONDITIONS, LONG_TEXT, SHORT_TEXT};
use crate::open_enum::open_enum;

open_enum! {
    /// A CRM.
    CrmProvider {
        /// `"bullhorn"`, the only CRM that this version knows.
        Bullhorn = "bullhorn",
    }
}

record! {
    /// Filters that select leads in a CRM.
    ///
    /// For `text_search` and `query`, the outer `Option` is `None` if the field is absent, and the inner one if it is
    /// null. A round trip preserves the difference.
    CrmFilters {
        /// The CRM.
        provider: CrmProvider = Field::provider_name("provider", open::<CrmProvider>());
        /// Free text for the occupation field, such as `Head OR Leit* OR Direktor`.
        text_search: Option<Option<String>> =
            optional("textSearch", nullable(text(LONG_TEXT)));
        /// Conditions, all of which must be true.
        filters: Vec<MaybeKnown<CrmCondition>> = Field::required("filters", list(part::<CrmCondition>(), CRM_CONDITIONS));
        /// A query in the format of earlier versions. It is still accepted.
        query: Option<Option<String>> = optional("query", nullable(text(LONG_TEXT)));
    }
}

record! {
    /// A condition on a record of the CRM.
    CrmCondition {
        /// Path of the field, such as `address.countryID`.
        path: String = Field::required("path", filled_text(SHORT_TEXT));
        /// Operator of the CRM, such as `equals`.
        mode: String = Field::required("mode", filled_text(SHORT_TEXT));
        /// Operand: any JSON, returned as it was sent. Absent and null are different values.
        value: Option<JsonText> = optional("value", any_json());
        /// True if matching records are excluded instead of included.
        exclude: Option<bool> = optional("exclude", boolean());
    }
}

impl_deserialize!(CrmFilters, CrmCondition);
