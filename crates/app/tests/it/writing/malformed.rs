//! Tests bodies that are invalid JSON, and valid JSON that the service rejects, such as duplicate properties.

use crate::support::services::on_both_databases;
use crate::support::{Response, Service};
use crate::writing::target::Target;

impl Target<'_> {
    /// Checks that create and patch reject the body with exactly this violation, and store nothing.
    async fn assert_body_rejected(&self, body: &[u8], violation: &str) {
        let start = String::from_utf8_lossy(&body[..body.len().min(100)]);
        for request in [self.user.post_request(""), self.user.patch_request(&self.path, "")] {
            let response = Response::fetch(request.body(body.to_vec())).await;
            assert_eq!(response.violations(), [violation], "{start}: {response:?}");
        }
        self.assert_unchanged().await;
    }
}

on_both_databases!(invalid_json_is_malformed);
async fn invalid_json_is_malformed(service: &Service) {
    let utf_16: Vec<u8> =
        crate::support::users::MINIMAL_BODY.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let bodies: [&[u8]; 20] = [
        b"",
        b" \n",
        b"{",
        b"{\"name\":",
        b"{\"name\":\"SMB\"",
        b"{\"name\":\"SMB\",}",
        b"{'name':'SMB'}",
        b"{name:\"SMB\"}",
        b"{\"name\":\"SMB\"}{}",
        b"{\"name\":\"SMB\"} // a comment",
        b"{\"leadsPerList\":NaN}",
        b"{\"leadsPerList\":010}",
        b"{\"leadsPerList\":+10}",
        b"{\"name\":\"a\nb\"}",
        b"{\"name\":\"\\x41\"}",
        b"{\"name\":\"SMB\"}\0",
        b"{\"name\":\"\xff\"}",
        b"{\"name\":\"\xed\xa0\x80\"}",
        b"\xef\xbb\xbf{\"name\":\"SMB\",\"leadProviderCriteria\":[]}",
        &utf_16,
    ];
    let target = Target::create(service).await;
    for body in bodies {
        target.assert_body_rejected(body, " malformed").await;
    }
}

on_both_databases!(body_must_be_object);
async fn body_must_be_object(service: &Service) {
    let target = Target::create(service).await;
    for body in ["[]", "null", "true", "7", "\"{}\"", r#"[{"name":"SMB","leadProviderCriteria":[]}]"#] {
        target.assert_body_rejected(body.as_bytes(), " invalid_type").await;
    }
}

on_both_databases!(nul_character_is_rejected_in_every_text);
async fn nul_character_is_rejected_in_every_text(service: &Service) {
    let target = Target::create(service).await;
    for (fields, violations) in [
        (r#""name":"a\u0000b""#, ["/name invalid_value"].as_slice()),
        (r#""description":"\u0000""#, &["/description invalid_value"]),
        (r#""userIds":["user_ada","\u0000"]"#, &["/userIds/1 invalid_value"]),
        (
            r#""leadProviderCriteria":[{"provider":"baseProvider","filters":{"a":[1,"\u0000"]}}]"#,
            &["/leadProviderCriteria/0/filters/a/1 invalid_value"],
        ),
        (
            r#""leadProviderCriteria":[{"provider":"baseProvider","filters":{"a\u0000":1}}]"#,
            &["/leadProviderCriteria/0/filters/a\0 invalid_value"],
        ),
        (
            r#""customFilterCriteria":[{"type":"ai","entityType":"person","prompt":"\u0000"}]"#,
            &["/customFilterCriteria/0/prompt invalid_value"],
        ),
        (
            r#""customFilterCriteria":[{"type":"matchFieldWithRegex","field":"f","regex":"\u0000"}]"#,
            &["/customFilterCriteria/0/regex invalid_value"],
        ),
        (
            r#""crmFilters":{"provider":"bullhorn","query":"\u0000",
                "filters":[{"path":"p","mode":"m","value":{"\u0000":0}}]}"#,
            &["/crmFilters/filters/0/value/\0 invalid_value", "/crmFilters/query invalid_value"],
        ),
        (r#""\u0000":1"#, &["/\0 invalid_value", "/\0 unknown_field"]),
    ] {
        let violations: Vec<String> = violations.iter().map(|violation| (*violation).to_owned()).collect();
        target.assert_rejected(fields, &violations).await;
    }
}

on_both_databases!(lone_surrogate_is_malformed);
async fn lone_surrogate_is_malformed(service: &Service) {
    let target = Target::create(service).await;
    for (fields, violation) in [
        (r#""name":"\ud83e""#, "/name malformed"),
        (r#""name":"\udd80\ud83e""#, "/name malformed"),
        (
            r#""leadProviderCriteria":[{"provider":"baseProvider","filters":{"a":"\ud83e"}}]"#,
            "/leadProviderCriteria/0/filters/a malformed",
        ),
    ] {
        target.assert_rejected(fields, &[violation.to_owned()]).await;
    }
}

on_both_databases!(duplicate_property_is_rejected);
async fn duplicate_property_is_rejected(service: &Service) {
    let target = Target::create(service).await;
    for (fields, violation) in [
        (r#""name":"a","name":"b""#, "/name duplicate"),
        (r#""name":"a","n\u0061me":"a""#, "/name duplicate"),
        (r#""userIds":["user_ada"],"leadsPerList":0,"leadsPerList":10"#, "/leadsPerList duplicate"),
        (
            r#""leadProviderCriteria":[{"provider":"baseProvider","filters":{"a":{"b":1,"c":2,"b":3}}}]"#,
            "/leadProviderCriteria/0/filters/a/b duplicate",
        ),
        (
            r#""customFilterCriteria":[{"type":"minDaysUntilReuse","value":1,"value":1}]"#,
            "/customFilterCriteria/0/value duplicate",
        ),
    ] {
        target.assert_rejected(fields, &[violation.to_owned()]).await;
    }
}

on_both_databases!(nesting_is_limited_to_64_levels);
async fn nesting_is_limited_to_64_levels(service: &Service) {
    // The body, the array of criteria, the criterion and its filters are the first four levels.
    let nested = |levels: usize| {
        let (open, close) = ("[".repeat(levels - 4), "]".repeat(levels - 4));
        format!(r#""leadProviderCriteria":[{{"provider":"baseProvider","filters":{{"a":{open}{close}}}}}]"#)
    };
    let target = Target::create(service).await;
    let violation = format!("/leadProviderCriteria/0/filters/a{} out_of_range", "/0".repeat(60));
    for levels in [65, 66, 129, 100_000] {
        target.assert_rejected(&nested(levels), std::slice::from_ref(&violation)).await;
    }
    let body = format!(r#"{{"name":"deep",{}}}"#, nested(64));
    let created = target.user.create(body).await;
    assert!(created.body.contains(&format!(r#""filters":{{"a":{}"#, "[".repeat(60))));
    target.user.patch(&target.path, format!("{{{}}}", nested(64))).await.assert_ok();
}
