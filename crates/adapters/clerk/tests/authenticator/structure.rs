//! The encoding and the structure of tokens. The signatures are valid, except where a test damages a complete token.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD};

use crate::support::{
    INSTANCE_KEY, JsonObject, Outcome, UNAVAILABLE, accepted, authenticate_bearer, claims, header, settings,
    sign_parts, split_values, start, token, unsigned_token,
};

const MALFORMED: Outcome = Err("malformed_token");

async fn auth(token: &str) -> Outcome {
    authenticate_bearer(&start(settings()), token).await
}

async fn auth_claims(payload: impl AsRef<[u8]>) -> Outcome {
    auth(&sign_parts(&INSTANCE_KEY, header().text().as_bytes(), payload.as_ref())).await
}

async fn auth_header(header: impl AsRef<[u8]>) -> Outcome {
    auth(&sign_parts(&INSTANCE_KEY, header.as_ref(), claims().text().as_bytes())).await
}

#[tokio::test]
async fn token_must_have_three_parts() {
    let valid_token = token(&INSTANCE_KEY, &header(), &claims());
    let [head, payload, signature] = valid_token.split('.').collect::<Vec<_>>().try_into().unwrap();
    let missing_parts =
        [format!("{head}..{signature}"), format!(".{payload}.{signature}"), format!("{head}.{payload}")];
    let additional_parts = [
        format!("{valid_token}."),
        format!(".{valid_token}"),
        format!("{valid_token}.{signature}"),
        head.to_owned(),
    ];
    for bad in
        ["", ".", "..", "..."].map(str::to_owned).into_iter().chain(missing_parts).chain(additional_parts)
    {
        assert!(auth(&bad).await.is_err_and(|reason| reason != UNAVAILABLE), "{bad}");
    }
}

#[tokio::test]
async fn only_canonical_base64_is_accepted() {
    // A token whose signature contains `-` or `_`, the characters in which base64url differs from base64.
    let tokens =
        (0..).map(|number| token(&INSTANCE_KEY, &header(), &claims().set("jti", &format!("\"{number}\""))));
    let valid_token =
        tokens.into_iter().find(|token| token.rsplit('.').next().unwrap().contains(['-', '_'])).unwrap();
    assert_eq!(auth(&valid_token).await, accepted());
    for (from, to) in [(".", "=."), (".", "%2E"), ("e", "e\n"), ("e", "+"), ("e", "/")] {
        assert!(auth(&valid_token.replacen(from, to, 1)).await.is_err(), "{from} {to}");
    }
    let (signed, signature) = valid_token.rsplit_once('.').unwrap();
    assert_eq!(signature.len() % 4, 2, "the last character of the signature must have unused bits");
    let (beginning, last) = signature.split_at(signature.len() - 1);
    let alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let group = alphabet.chunks(16).find(|group| group.contains(&last.as_bytes()[0])).unwrap();
    let noncanonical_characters =
        group.iter().map(|byte| char::from(*byte)).filter(|character| !last.contains(*character));
    let other_spellings =
        [format!("{signature}="), format!("{signature}=="), format!("={signature}"), beginning.to_owned()];
    let other_alphabet = signature.replace('-', "+").replace('_', "/");
    for bad in noncanonical_characters
        .map(|character| format!("{beginning}{character}"))
        .chain(other_spellings)
        .chain([other_alphabet])
    {
        assert_eq!(auth(&format!("{signed}.{bad}")).await, MALFORMED, "{bad}");
    }
}

#[tokio::test]
async fn other_alphabets_and_padding_are_refused() {
    // Claims whose encoding needs padding, and contains characters in which base64url differs from base64.
    let claims = claims().set("x", r#""??>>~~~ÿÿ""#).text();
    let claims = if claims.len().is_multiple_of(3) { format!("{claims} ") } else { claims };
    let sign = |payload: &str| {
        let signed = format!("{}.{payload}", URL_SAFE_NO_PAD.encode(header().text()));
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(INSTANCE_KEY.sign(signed.as_bytes())))
    };
    assert_eq!(auth(&sign(&URL_SAFE_NO_PAD.encode(&claims))).await, accepted());
    for engine in [&URL_SAFE, &STANDARD, &STANDARD_NO_PAD] {
        assert_eq!(auth(&sign(&engine.encode(&claims))).await, MALFORMED);
    }
}

#[tokio::test]
async fn tokens_beyond_16_kib_are_refused() {
    // Base64 text cannot have every length, so some lengths of a token are possible only with a longer header.
    let headers = [header(), header().set("a", "1"), header().set("a", "12")];
    let token_of_length = |target: usize| {
        let padded = |pad: usize| claims().set("pad", &format!("\"{}\"", "x".repeat(pad)));
        let candidates = (11_000..12_000).flat_map(|pad| headers.iter().map(move |header| (pad, header)));
        let fits = |(pad, header): &(usize, &JsonObject)| {
            unsigned_token(header.text().as_bytes(), padded(*pad).text().as_bytes()).len() + 1 + 342 == target
        };
        let (pad, header) = candidates.into_iter().find(fits).unwrap();
        token(&INSTANCE_KEY, header, &padded(pad))
    };
    assert_eq!(auth(&token_of_length(16_384)).await, accepted());
    assert_eq!(auth(&token_of_length(16_385)).await, MALFORMED);
    assert_eq!(auth(&"x".repeat(1_000_000)).await, MALFORMED);
}

#[tokio::test]
async fn header_and_payload_must_be_json_objects() {
    for text in
        split_values(r#" ; null ; [] ; "{}" ; 1 ; true ; { ; {] ; {}{} ; {}, ; {"a":1,} ; {a:1} ; ["RS256"]"#)
    {
        assert_eq!(auth_claims(text).await, MALFORMED, "payload {text}");
        assert!(auth_header(text).await.is_err(), "header {text}");
    }
    assert_eq!(auth_claims(format!("{}x", claims().text())).await, MALFORMED);
    assert_eq!(auth_claims(format!(" \r\n\t{} \n", claims().text())).await, accepted());
}

#[tokio::test]
async fn byte_order_mark_and_invalid_utf8_are_refused() {
    assert_eq!(auth_claims(format!("\u{feff}{}", claims().text())).await, MALFORMED);
    assert_eq!(auth_header(format!("\u{feff}{}", header().text())).await, MALFORMED);
    let valid_token = claims().set("x", r#""????""#).text();
    let start = valid_token.find("????").unwrap();
    let table =
        [b"\xff\xff\xff\xff", b"\xc3\x28()", b"\xed\xa0\x80.", b"\xf0\x82\x82\xac", b"\xf4\x90\x80\x80"];
    for bad in table {
        let payload = [&valid_token.as_bytes()[..start], bad, &valid_token.as_bytes()[start + 4..]].concat();
        assert_eq!(auth_claims(&payload).await, MALFORMED, "{bad:?}");
    }
    let utf16: Vec<u8> = claims().text().encode_utf16().flat_map(u16::to_le_bytes).collect();
    assert_eq!(auth_claims(&utf16).await, MALFORMED);
    assert_eq!(auth_claims(claims().set("x", r#""ünï 🦀 \ud83e\udd80""#).text()).await, accepted());
}

#[tokio::test]
async fn deeply_nested_values_cause_no_panic() {
    for depth in [1, 100, 128, 129, 5_000] {
        let nested = format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        for name in ["x", "sub", "aud", "act", "exp", "iss"] {
            let outcome = auth_claims(claims().set(name, &nested).text()).await;
            assert!(outcome == accepted() || outcome.is_err_and(|reason| reason != UNAVAILABLE), "{name}");
        }
        assert!(auth_header(header().set("kid", &nested).text()).await.is_err());
    }
}

#[tokio::test]
async fn checked_names_must_not_repeat() {
    let with_duplicate = |object: JsonObject, name: &str, value: &str| {
        object.set(name, value).text().replacen('{', &format!(r#"{{"{name}":{value},"#), 1)
    };
    for name in ["sub", "sid", "iss", "azp", "aud", "exp", "nbf", "iat", "sts", "act", "client_id", "scope"] {
        assert_eq!(auth_claims(with_duplicate(claims(), name, r#""active""#)).await, MALFORMED, "{name}");
        assert_eq!(auth_claims(with_duplicate(claims(), name, "1")).await, MALFORMED, "{name}");
    }
    let escaped = claims().text().replacen('{', r#"{"s\u0075b":"user_mallory","#, 1);
    assert_eq!(auth_claims(escaped).await, MALFORMED);
    for name in ["alg", "typ", "cat", "kid", "crit", "b64"] {
        assert_eq!(auth_header(with_duplicate(header(), name, r#""RS256""#)).await, MALFORMED, "{name}");
    }
    let nested_duplicates = claims().set("x", r#"{"sub":1,"sub":1,"y":[{"sub":1},{"sub":1}]}"#);
    assert_eq!(auth_claims(nested_duplicates.text()).await, accepted());
}

#[tokio::test]
async fn unsupported_values_of_checked_headers_are_refused() {
    for (name, reason, values) in [
        ("typ", "wrong_type", r#""jwt" ; "JWT " ; "at+jwt,x" ; "" ; null ; 1 ; ["JWT"]"#),
        ("typ", "access_token", r#""at+jwt" ; "Application/AT+JWT""#),
        ("crit", "critical_header", r#"["exp"] ; [] ; null ; "x""#),
        ("b64", "critical_header", "true ; false ; null"),
        (
            "cat",
            "wrong_category",
            r#""cl_B7d4PD222AAA" ; "cl_b7d4pd111aaa" ; "" ; null ; ["cl_B7d4PD111AAA"]"#,
        ),
    ] {
        for value in split_values(values) {
            assert_eq!(auth_header(header().set(name, value).text()).await, Err(reason), "{name}: {value}");
        }
    }
}

#[tokio::test]
async fn absent_and_unknown_headers_are_accepted() {
    assert_eq!(auth_header(header().without("typ").text()).await, accepted());
    assert_eq!(auth_header(header().without("cat").text()).await, accepted());
    assert_eq!(auth_header(header().set("cat", r#""cl_I7d4PD111III""#).text()).await, accepted());
    for (name, value) in [("zip", r#""DEF""#), ("cty", r#""x""#), ("x", "{}"), ("Typ", "0"), ("x5t", "null")]
    {
        assert_eq!(auth_header(header().set(name, value).text()).await, accepted(), "{name}");
    }
}
