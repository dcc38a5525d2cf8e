//! The response that the contract requires, computed with the parsers of the domain, and its comparison with the real response.

use std::collections::BTreeSet;

use icp_domain::{Caller, Icp, IcpPatch, NewIcp, PatchError, Timestamp, UserId, ValidationErrors, limits};
use icp_testkit::fixtures;
use serde_json::{Value, json};

use crate::bodies::generator::{Action, Key, Request};
use crate::support::Response;

/// Every code of a violation.
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

/// A reason to refuse a request. If there are several, the contract does not specify which one is reported.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Reason {
    Key,
    MediaType,
    Size,
    /// The body has these violations.
    Body(Value),
    /// The `updatedAt` of another version.
    Stale,
}

/// Returns the ICP that a valid request creates, except for its ID and times, or the reasons to refuse it.
pub(crate) fn of_post(request: &Request, creator: &UserId) -> Result<Icp, Vec<Reason>> {
    evaluate(request, |text| {
        Ok(NewIcp::from_json(text)?.create(fixtures::id(0), creator, Timestamp::UNIX_EPOCH)?)
    })
}

/// Returns the patch of a valid request, or the reasons to refuse it.
pub(crate) fn of_patch(request: &Request, by: &Caller, target: &Icp) -> Result<IcpPatch, Vec<Reason>> {
    evaluate(request, |text| {
        let patch = IcpPatch::from_json(text, by)?;
        patch.apply(target, by, Timestamp::UNIX_EPOCH)?;
        Ok(patch)
    })
}

fn evaluate<T>(
    request: &Request,
    read: impl FnOnce(&str) -> Result<T, PatchError>,
) -> Result<T, Vec<Reason>> {
    let mut reasons = Vec::new();
    if request.action == Action::Post && matches!(request.key, Key::Malformed(_)) {
        reasons.push(Reason::Key);
    }
    if !request.content_type.is_json {
        reasons.push(Reason::MediaType);
    }
    if request.body.len() > limits::BODY_BYTES {
        reasons.push(Reason::Size);
    }
    let read = match std::str::from_utf8(&request.body) {
        Ok(text) => read(text).map_err(|error| match error {
            PatchError::Invalid(violations) => Reason::Body(violations_as_json(&violations)),
            PatchError::Stale => Reason::Stale,
            PatchError::Forbidden => panic!("the caller has access"),
        }),
        Err(_) => Err(Reason::Body(json!([{"pointer": "", "code": "malformed", "detail": "must be UTF-8"}]))),
    };
    match read {
        Ok(right) if reasons.is_empty() => Ok(right),
        Ok(_) => Err(reasons),
        Err(reason) => {
            reasons.push(reason);
            Err(reasons)
        }
    }
}

fn violations_as_json(violations: &ValidationErrors) -> Value {
    serde_json::to_value(violations.all()).expect("violations can be serialized")
}

/// Checks that an error has the contract's form and one of these reasons. Returns the codes of its violations.
pub(crate) fn check_refusal(response: &Response, reasons: &[Reason]) -> BTreeSet<String> {
    match response.status.as_u16() {
        412 => {
            response.assert_problem(412, "PRECONDITION_FAILED");
            assert!(reasons.contains(&Reason::Stale), "{response:?} for {reasons:?}");
        }
        413 => {
            response.assert_problem(413, "PAYLOAD_TOO_LARGE");
            assert!(reasons.contains(&Reason::Size), "{response:?} for {reasons:?}");
        }
        415 => {
            response.assert_problem(415, "UNSUPPORTED_MEDIA_TYPE");
            assert!(reasons.contains(&Reason::MediaType), "{response:?} for {reasons:?}");
        }
        _ => {
            response.assert_problem(400, "BAD_REQUEST");
            let errors = response.json()["errors"].take();
            let reported = if errors[0]["parameter"] == "Idempotency-Key" {
                Reason::Key
            } else {
                Reason::Body(errors.clone())
            };
            assert!(reasons.contains(&reported), "{response:?} for {reasons:?}");
            return codes(&errors);
        }
    }
    BTreeSet::new()
}

/// Returns the codes of the violations, each of which must have the contract's form.
fn codes(errors: &Value) -> BTreeSet<String> {
    let errors = errors.as_array().expect("errors are an array");
    assert!(!errors.is_empty(), "there is a violation");
    let code = |violation: &Value| {
        let members = violation.as_object().expect("a violation is an object").keys().map(String::as_str);
        let members: Vec<_> = members.collect();
        assert!(
            ["code,detail,pointer", "code,detail,parameter"].contains(&members.join(",").as_str()),
            "{violation}"
        );
        let place =
            violation["pointer"].as_str().or(violation["parameter"].as_str()).expect("a place is a string");
        assert!(
            place.is_empty() || place.starts_with('/') || violation["parameter"].is_string(),
            "{violation}"
        );
        assert!(violation["detail"].as_str().is_some_and(|detail| !detail.trim().is_empty()), "{violation}");
        let code = violation["code"].as_str().expect("a code is a string");
        assert!(CODES.contains(&code), "{violation}");
        code.to_owned()
    };
    errors.iter().map(code).collect()
}
