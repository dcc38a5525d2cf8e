//! Computes the response that the contract requires, with the parsers of the domain, and compares it with the actual
//! response.

use std::collections::BTreeSet;

use icp_domain::{Caller, Icp, IcpPatch, NewIcp, PatchError, Timestamp, UserId, ValidationErrors, limits};
use icp_testkit::fixtures;
use serde_json::{Value, json};

use crate::bodies::generator::{Action, Key, Request};
use crate::support::Response;

/// All codes of violations.
pub(crate) const CODES: [&str; 9] = [
    "required",
    "unknown_field",
    "invalid_type",
    "invalid_value",
    "out_of_range",
    "too_long",
    "duplicate",
    "read_only",
    "malformed",
];

/// A reason to refuse a request. If a request has several reasons, the contract does not specify which reason is
/// reported.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum RefusalReason {
    MalformedKey,
    MediaType,
    Size,
    /// The body has these violations.
    Body(Value),
    /// The `updatedAt` in the body is from another version.
    Stale,
}

/// Returns the ICP that a valid POST creates, except for its ID and times, or the reasons to refuse the request.
pub(crate) fn evaluate_post(request: &Request, creator: &UserId) -> Result<Icp, Vec<RefusalReason>> {
    evaluate(request, |text| {
        Ok(NewIcp::from_json(text)?.create(fixtures::id(0), creator, Timestamp::UNIX_EPOCH)?)
    })
}

/// Returns the patch of a valid PATCH, or the reasons to refuse the request.
pub(crate) fn evaluate_patch(
    request: &Request,
    by: &Caller,
    target: &Icp,
) -> Result<IcpPatch, Vec<RefusalReason>> {
    evaluate(request, |text| {
        let patch = IcpPatch::from_json_for(text, by, target)?;
        patch.apply(target, by, Timestamp::UNIX_EPOCH)?;
        Ok(patch)
    })
}

fn evaluate<T>(
    request: &Request,
    read: impl FnOnce(&str) -> Result<T, PatchError>,
) -> Result<T, Vec<RefusalReason>> {
    let mut reasons = Vec::new();
    if request.action == Action::Post && matches!(request.key, Key::Malformed(_)) {
        reasons.push(RefusalReason::MalformedKey);
    }
    if !request.content_type.is_json {
        reasons.push(RefusalReason::MediaType);
    }
    if request.body.len() > limits::BODY_BYTES {
        reasons.push(RefusalReason::Size);
    }
    let read = match std::str::from_utf8(&request.body) {
        Ok(text) => read(text).map_err(|error| match error {
            PatchError::Invalid(violations) => RefusalReason::Body(violations_as_json(&violations)),
            PatchError::Stale => RefusalReason::Stale,
            PatchError::Forbidden => panic!("the caller must have access"),
        }),
        Err(_) => {
            Err(RefusalReason::Body(json!([{"pointer": "", "code": "malformed", "detail": "must be UTF-8"}])))
        }
    };
    match read {
        Ok(value) if reasons.is_empty() => Ok(value),
        Ok(_) => Err(reasons),
        Err(reason) => {
            reasons.push(reason);
            Err(reasons)
        }
    }
}

fn violations_as_json(violations: &ValidationErrors) -> Value {
    serde_json::to_value(violations.all()).expect("the violations must be serializable")
}

/// Checks that an error response has the form of the contract and one of `reasons`. Returns the codes of its
/// violations.
pub(crate) fn check_refusal(response: &Response, reasons: &[RefusalReason]) -> BTreeSet<String> {
    match response.status.as_u16() {
        412 => {
            response.assert_problem(412, "PRECONDITION_FAILED");
            assert!(reasons.contains(&RefusalReason::Stale), "{response:?} for {reasons:?}");
        }
        413 => {
            response.assert_problem(413, "PAYLOAD_TOO_LARGE");
            assert!(reasons.contains(&RefusalReason::Size), "{response:?} for {reasons:?}");
        }
        415 => {
            response.assert_problem(415, "UNSUPPORTED_MEDIA_TYPE");
            assert!(reasons.contains(&RefusalReason::MediaType), "{response:?} for {reasons:?}");
        }
        _ => {
            response.assert_problem(400, "BAD_REQUEST");
            let errors = response.json()["errors"].take();
            let reported = if errors[0]["parameter"] == "Idempotency-Key" {
                RefusalReason::MalformedKey
            } else {
                RefusalReason::Body(errors.clone())
            };
            assert!(reasons.contains(&reported), "{response:?} for {reasons:?}");
            return check_violations(&errors);
        }
    }
    BTreeSet::new()
}

/// Checks that all violations have the form of the contract. Returns their codes.
fn check_violations(errors: &Value) -> BTreeSet<String> {
    let errors = errors.as_array().expect("the errors must be an array");
    assert!(!errors.is_empty(), "the response must have a violation");
    let code = |violation: &Value| {
        let names =
            violation.as_object().expect("the violation must be an object").keys().map(String::as_str);
        let names: Vec<_> = names.collect();
        assert!(
            ["code,detail,pointer", "code,detail,parameter"].contains(&names.join(",").as_str()),
            "{violation}"
        );
        let location = violation["pointer"]
            .as_str()
            .or(violation["parameter"].as_str())
            .expect("the location must be a string");
        assert!(
            location.is_empty() || location.starts_with('/') || violation["parameter"].is_string(),
            "{violation}"
        );
        assert!(violation["detail"].as_str().is_some_and(|detail| !detail.trim().is_empty()), "{violation}");
        let code = violation["code"].as_str().expect("the code must be a string");
        assert!(CODES.contains(&code), "{violation}");
        code.to_owned()
    };
    errors.iter().map(code).collect()
}
