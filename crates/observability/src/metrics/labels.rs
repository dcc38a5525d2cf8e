use prometheus_client::encoding::EncodeLabelSet;

use super::RejectionCause;

/// Returns the name of a method for logs, traces and metrics. The name of an unknown method is `other`, so that clients
/// cannot create new series or long log lines.
pub fn method_name(method: &str) -> &'static str {
    const METHODS: [&str; 7] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];
    METHODS.into_iter().find(|known| *known == method).unwrap_or("other")
}

#[derive(Clone, Debug, EncodeLabelSet, Hash, PartialEq, Eq)]
pub(super) struct RequestLabels {
    method: &'static str,
    route: String,
    status: u16,
}

impl RequestLabels {
    pub(super) fn new(method: &'static str, route: Option<String>, status: u16) -> Self {
        Self { method, route: route.unwrap_or_else(|| "(none)".to_owned()), status }
    }
}

#[derive(Clone, Debug, EncodeLabelSet, Hash, PartialEq, Eq)]
pub(super) struct RejectionLabels {
    reason: &'static str,
}

impl From<RejectionCause> for RejectionLabels {
    fn from(reason: RejectionCause) -> Self {
        let reason = match reason {
            RejectionCause::Overload => "overload",
            RejectionCause::RateLimit => "rate_limit",
        };
        Self { reason }
    }
}

#[derive(Clone, Debug, EncodeLabelSet, Hash, PartialEq, Eq)]
pub(super) struct VerdictLabels {
    pub(super) verdict: &'static str,
}

#[derive(Clone, Debug, EncodeLabelSet, Hash, PartialEq, Eq)]
pub(super) struct OperationLabels {
    pub(super) operation: &'static str,
    pub(super) outcome: &'static str,
}
