//! The type of ICPs in database rows and in responses.

use chrono::{DateTime, SecondsFormat, Utc};
use serde::{Deserialize, Serialize, Serializer};
use serde_json::{Map, Value};
use sqlx::types::Json;
use uuid::Uuid;

#[derive(Serialize, sqlx::FromRow)]
#[serde(rename_all = "camelCase")]
pub struct Icp {
    id: Uuid,
    name: String,
    description: Option<String>,
    #[serde(serialize_with = "serialize_milliseconds")]
    created_at: DateTime<Utc>,
    #[serde(serialize_with = "serialize_milliseconds")]
    updated_at: DateTime<Utc>,
    lead_provider_criteria: Json<Vec<LeadProviderCriteria>>,
    custom_filter_criteria: Json<Vec<CustomFilter>>,
    crm_filters: Option<Json<CrmFilters>>,
    user_ids: Vec<String>,
    leads_per_list: i32,
    #[serde(serialize_with = "serialize_optional_milliseconds")]
    active_until: Option<DateTime<Utc>>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct LeadProviderCriteria {
    provider: String,
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    kind: Option<EntityType>,
    filters: Map<String, Value>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum EntityType {
    Person,
    Company,
}

#[derive(Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "camelCase", rename_all_fields = "camelCase")]
enum CustomFilter {
    Website {
        provider: String,
        prompt: String,
    },
    Webscraping {
        provider: String,
        extraction_prompt: String,
        page_finding_prompt: String,
        include_search_strings: Vec<String>,
        exclude_search_strings: Vec<String>,
    },
    Ai {
        entity_type: EntityType,
        prompt: String,
    },
    MaxPeoplePerCompany {
        value: i64,
    },
    #[serde(rename = "maxPercentFromCRM")]
    MaxPercentFromCrm {
        value: i64,
    },
    MinDaysUntilReuse {
        value: i64,
    },
    MatchFieldWithRegex {
        field: String,
        regex: String,
    },
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct CrmFilters {
    provider: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    text_search: Option<String>,
    filters: Vec<CrmCondition>,
    #[serde(skip_serializing_if = "Option::is_none")]
    query: Option<String>,
}

#[derive(Serialize, Deserialize)]
struct CrmCondition {
    path: String,
    mode: String,
    value: Value,
    exclude: bool,
}

fn serialize_milliseconds<S: Serializer>(time: &DateTime<Utc>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&time.to_rfc3339_opts(SecondsFormat::Millis, true))
}

fn serialize_optional_milliseconds<S: Serializer>(
    time: &Option<DateTime<Utc>>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    match time {
        Some(time) => serialize_milliseconds(time, serializer),
        None => serializer.serialize_none(),
    }
}
