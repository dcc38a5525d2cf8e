//! Tests times and regular expressions with valid and with invalid syntax.

use crate::support::Service;
use crate::support::services::on_both_databases;
use crate::writing::target::{Target, create_with};

on_both_databases!(time_must_be_rfc_3339);
async fn time_must_be_rfc_3339(service: &Service) {
    let target = Target::create(service).await;
    for time in [
        "",
        "tomorrow",
        "2030-01-01",
        "2030-01-01T00:00:00",
        "2030-02-30T00:00:00Z",
        "2030-13-01T00:00:00Z",
        "2030-01-01T25:00:00Z",
        "2030-01-01T00:60:00Z",
        "2030-01-01T00:00:00+0100",
        "2030-01-01T00:00:00\u{2212}01:00",
        "2030-01-01T00:00:00Z ",
        "30-01-01T00:00:00Z",
        "10000-01-01T00:00:00Z",
        "+12030-01-01T00:00:00Z",
        "9999-12-31T23:59:59-00:01",
        "0000-01-01T00:00:00+00:01",
        "1893456000",
    ] {
        let fields = format!(r#""activeUntil":"{time}""#);
        target.assert_rejected(&fields, &["/activeUntil invalid_value".to_owned()]).await;
    }
}

on_both_databases!(regex_must_be_ecmascript);
async fn regex_must_be_ecmascript(service: &Service) {
    let target = Target::create(service).await;
    let filter = |regex: &str| {
        let regex = serde_json::to_string(regex).expect("the value must be serializable");
        format!(r#""customFilterCriteria":[{{"type":"matchFieldWithRegex","field":"f","regex":{regex}}}]"#)
    };
    for regex in
        ["(", ")", "[", "a**", "+a", "\\", "[b-a]", "a{2,1}", "(?P<n>a)", "(?>a)", "(?#a)", "(?<1>a)"]
    {
        let violation = "/customFilterCriteria/0/regex invalid_value".to_owned();
        target.assert_rejected(&filter(regex), &[violation]).await;
    }
    for regex in [
        "",
        "^(?=.*C)(?!.*x)",
        "(?<=Dr\\. )\\w+(?<!Jr)",
        "(?<year>\\d{4})-\\k<year>",
        "[\\u00e4-ü]+?",
        "(a)\\1",
    ] {
        target.user.patch(&target.path, format!("{{{}}}", filter(regex))).await.assert_ok();
        target.user.create(create_with(&filter(regex))).await;
    }
}
