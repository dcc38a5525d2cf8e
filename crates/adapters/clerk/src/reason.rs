use icp_ports::{AuthenticationError, RejectReason};

/// Why a request signs nobody in. For logs and metrics; a client is never told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reason {
    NoCredentials,
    MalformedAuthorization,
    ClientUat,
    CookieOrigin,
    MalformedToken,
    WrongType,
    WrongAlgorithm,
    CriticalHeader,
    WrongCategory,
    MachineToken,
    NoKeyId,
    UnknownKey,
    BadSignature,
    NoSubject,
    NoSession,
    WrongIssuer,
    WrongParty,
    WrongAudience,
    MalformedTime,
    Expired,
    NotYetValid,
    IssuedInFuture,
    InactiveSession,
}

impl Reason {
    pub(crate) const fn as_str(self) -> RejectReason {
        match self {
            Self::NoCredentials => "no_credentials",
            Self::MalformedAuthorization => "malformed_authorization",
            Self::ClientUat => "client_uat",
            Self::CookieOrigin => "cookie_origin",
            Self::MalformedToken => "malformed_token",
            Self::WrongType => "wrong_type",
            Self::WrongAlgorithm => "wrong_algorithm",
            Self::CriticalHeader => "critical_header",
            Self::WrongCategory => "wrong_category",
            Self::MachineToken => "machine_token",
            Self::NoKeyId => "no_key_id",
            Self::UnknownKey => "unknown_key",
            Self::BadSignature => "bad_signature",
            Self::NoSubject => "no_subject",
            Self::NoSession => "no_session",
            Self::WrongIssuer => "wrong_issuer",
            Self::WrongParty => "wrong_party",
            Self::WrongAudience => "wrong_audience",
            Self::MalformedTime => "malformed_time",
            Self::Expired => "expired",
            Self::NotYetValid => "not_yet_valid",
            Self::IssuedInFuture => "issued_in_future",
            Self::InactiveSession => "inactive_session",
        }
    }
}

impl From<Reason> for AuthenticationError {
    fn from(reason: Reason) -> Self {
        Self::Unauthenticated(reason.as_str())
    }
}
