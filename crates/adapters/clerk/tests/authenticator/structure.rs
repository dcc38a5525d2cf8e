//! A token's outer form: all of these are signed by the right key.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD};

use crate::support::{
    KEY, Object, Verdict, accepted, bearer, claims, header, seal, settings, start, token, unsigned,
};

const MALFORMED: Verdict = Err("malformed_token");

async fn judge(token: &str) -> Verdict {
    bearer(&start(settings()), token).await
}

async fn judge_parts(header: &[u8], payload: &[u8]) -> Verdict {
    judge(&seal(&KEY, header, payload)).await
}

async fn judge_claims(payload: &str) -> Verdict {
    judge_parts(header().text().as_bytes(), payload.as_bytes()).await
}

async fn judge_header(header: &str) -> Verdict {
    judge_parts(header.as_bytes(), claims().text().as_bytes()).await
}

#[tokio::test]
async fn a_token_has_three_parts() {
    let good = token(&KEY, &header(), &claims());
    let parts: Vec<_> = good.split('.').collect();
    for bad in [
        String::new(),
        ".".to_owned(),
        "..".to_owned(),
        "...".to_owned(),
        parts[0].to_owned(),
        parts[..2].join("."),
        format!("{good}."),
        format!(".{good}"),
        format!("{good}.{}", parts[2]),
        format!("{}..{}", parts[0], parts[2]),
        format!(".{}.{}", parts[1], parts[2]),
    ] {
        let expected = if bad.is_empty() { Err("malformed_authorization") } else { MALFORMED };
        assert_eq!(judge(&bad).await, expected, "{bad}");
    }
}

#[tokio::test]
async fn base64_has_one_spelling() {
    let good = token(&KEY, &header(), &claims());
    for bad in [
        good.replacen('.', "=.", 1),
        good.replacen('.', "%2E", 1),
        good.replacen('e', "e\n", 1),
        good.replacen('e', "+", 1),
        good.replacen('e', "/", 1),
    ] {
        assert!(judge(&bad).await.is_err(), "{bad}");
    }
}

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// Whoever reads it leniently would find the very bytes that the key made in most of these.
#[tokio::test]
async fn a_signature_has_one_spelling() {
    // One with characters that the two alphabets write differently.
    let mut tokens =
        (0..).map(|number| token(&KEY, &header(), &claims().set("jti", &format!("\"{number}\""))));
    let differs = |token: &String| token.rsplit_once('.').unwrap().1.contains(['-', '_']);
    let good = tokens.find(differs).unwrap();
    assert_eq!(judge(&good).await, accepted());

    let (signed, signature) = good.rsplit_once('.').unwrap();
    assert_eq!(signature.len() % 4, 2, "the last character has bits to spare");
    let (most, last) = signature.split_at(signature.len() - 1);
    let group = ALPHABET.chunks(16).find(|group| group.contains(&last.as_bytes()[0])).unwrap();
    for stray in group.iter().copied().map(char::from).filter(|other| !last.contains(*other)) {
        assert_eq!(judge(&format!("{signed}.{most}{stray}")).await, MALFORMED, "{last} {stray}");
    }
    for bad in [
        format!("{signature}="),
        format!("{signature}=="),
        format!("{most}%{last}"),
        format!("={signature}"),
        most.to_owned(),
        signature.replace('-', "+").replace('_', "/"),
    ] {
        assert_eq!(judge(&format!("{signed}.{bad}")).await, MALFORMED, "{bad}");
    }
}

#[tokio::test]
async fn other_alphabets_and_padding_are_refused() {
    // Claims whose base64 has characters that the two alphabets write differently, and needs padding.
    let claims = claims().set("x", r#""??>>~~~ÿÿ""#).text();
    let claims = if claims.len().is_multiple_of(3) { format!("{claims} ") } else { claims };
    let sign = |payload: &str| {
        let signed = format!("{}.{payload}", URL_SAFE_NO_PAD.encode(header().text()));
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(KEY.sign(signed.as_bytes())))
    };
    assert_eq!(judge(&sign(&URL_SAFE_NO_PAD.encode(&claims))).await, accepted());
    assert_eq!(judge(&sign(&URL_SAFE.encode(&claims))).await, MALFORMED);
    assert_eq!(judge(&sign(&STANDARD.encode(&claims))).await, MALFORMED);
    assert_eq!(judge(&sign(&STANDARD_NO_PAD.encode(&claims))).await, MALFORMED);
}

#[tokio::test]
async fn sixteen_kilobytes_is_the_limit() {
    // Base64 cannot have every length; a longer header makes up for what the payload leaves out.
    let headers = [header(), header().set("a", "1"), header().set("a", "12")];
    let sized = |target: usize| {
        let padded = |pad: usize| claims().set("pad", &format!("\"{}\"", "x".repeat(pad)));
        let candidates = (11_000..12_000).flat_map(|pad| headers.iter().map(move |header| (pad, header)));
        let fits = |(pad, header): &(usize, &Object)| {
            unsigned(header.text().as_bytes(), padded(*pad).text().as_bytes()).len() + 1 + 342 == target
        };
        let (pad, header) = candidates.into_iter().find(fits).unwrap();
        let token = token(&KEY, header, &padded(pad));
        assert_eq!(token.len(), target);
        token
    };
    assert_eq!(judge(&sized(16_384)).await, accepted());
    assert_eq!(judge(&sized(16_385)).await, MALFORMED);
    assert_eq!(judge(&"x".repeat(1_000_000)).await, MALFORMED);
}

#[tokio::test]
async fn header_and_payload_are_objects() {
    for text in
        ["", "null", "[]", "\"{}\"", "1", "true", "{", "{]", "{}{}", "{},", "{\"a\":1,}", "{a:1}", "\0"]
    {
        assert_eq!(judge_claims(text).await, MALFORMED, "payload {text}");
        assert_eq!(judge_header(text).await, MALFORMED, "header {text}");
    }
    assert_eq!(judge_claims(&format!("[{}]", claims().text())).await, MALFORMED);
    assert_eq!(judge_claims(&format!("{}x", claims().text())).await, MALFORMED);
    assert_eq!(judge_claims(&format!(" \r\n\t{} \n", claims().text())).await, accepted());
}

#[tokio::test]
async fn text_is_utf_8_without_a_byte_order_mark() {
    assert_eq!(judge_claims(&format!("\u{feff}{}", claims().text())).await, MALFORMED);
    assert_eq!(judge_header(&format!("\u{feff}{}", header().text())).await, MALFORMED);
    let good = claims().set("x", r#""????""#).text();
    for bad in
        [&b"\xff\xff\xff\xff"[..], b"\xc3\x28()", b"\xed\xa0\x80.", b"\xf0\x82\x82\xac", b"\xf4\x90\x80\x80"]
    {
        let at = good.find("????").unwrap();
        let payload = [&good.as_bytes()[..at], bad, &good.as_bytes()[at + 4..]].concat();
        assert_eq!(judge_parts(header().text().as_bytes(), &payload).await, MALFORMED, "{bad:?}");
    }
    let utf16: Vec<u8> = claims().text().encode_utf16().flat_map(u16::to_le_bytes).collect();
    assert_eq!(judge_parts(header().text().as_bytes(), &utf16).await, MALFORMED);
    assert_eq!(judge_claims(&claims().set("x", r#""ünï 🦀 \ud83e\udd80""#).text()).await, accepted());
}

#[tokio::test]
async fn nesting_ends_at_128() {
    // The object itself is the first level.
    let nested = |depth: usize| format!("{}{}", "[".repeat(depth - 1), "]".repeat(depth - 1));
    assert_eq!(judge_claims(&claims().set("x", &nested(128)).text()).await, accepted());
    assert_eq!(judge_claims(&claims().set("x", &nested(129)).text()).await, MALFORMED);
    assert_eq!(judge_header(&header().set("x", &nested(128)).text()).await, accepted());
    assert_eq!(judge_header(&header().set("x", &nested(129)).text()).await, MALFORMED);
    assert_eq!(judge_claims(&claims().set("x", &nested(5_000)).text()).await, MALFORMED);
}

#[tokio::test]
async fn no_name_stands_twice_at_any_depth() {
    for duplicate in [
        r#"{"a":1,"a":1}"#,
        r#"{"a":1,"\u0061":2}"#,
        r#"{"a":1,"b":[],"a":null}"#,
        r#"{"o":{"p":{"a":1,"a":1}}}"#,
        r#"[[[{"a":1,"a":1}]]]"#,
        r#"[{},{"":1,"":1}]"#,
        r#"{"\u0000":1,"\u0000":1}"#,
        r#"{"\ud800":1,"\ud800":1}"#,
    ] {
        assert_eq!(judge_claims(&claims().set("x", duplicate).text()).await, MALFORMED, "{duplicate}");
        assert_eq!(judge_header(&header().set("x", duplicate).text()).await, MALFORMED, "{duplicate}");
    }
    let twice = claims().text().replacen('{', r#"{"sub":"user_mallory","#, 1);
    assert_eq!(judge_claims(&twice).await, MALFORMED);
    let twice = header().text().replacen('{', r#"{"alg":"none","#, 1);
    assert_eq!(judge_header(&twice).await, MALFORMED);
    let apart = claims().set("x", r#"{"sub":1,"y":[{"sub":1},{"sub":1}]}"#);
    assert_eq!(judge_claims(&apart.text()).await, accepted());
}

#[tokio::test]
async fn headers_that_change_the_meaning_are_refused() {
    for (name, value, reason) in [
        ("typ", r#""jwt""#, "wrong_type"),
        ("typ", r#""JWT ""#, "wrong_type"),
        ("typ", r#""at+jwt""#, "wrong_type"),
        ("typ", "null", "wrong_type"),
        ("typ", "1", "wrong_type"),
        ("crit", r#"["exp"]"#, "critical_header"),
        ("crit", "[]", "critical_header"),
        ("crit", "null", "critical_header"),
        ("b64", "true", "critical_header"),
        ("b64", "false", "critical_header"),
        ("cat", r#""cl_B7d4PD222AAA""#, "wrong_category"),
        ("cat", r#""cl_b7d4pd111aaa""#, "wrong_category"),
        ("cat", r#""""#, "wrong_category"),
        ("cat", "null", "wrong_category"),
        ("cat", r#"["cl_B7d4PD111AAA"]"#, "wrong_category"),
    ] {
        assert_eq!(judge_header(&header().set(name, value).text()).await, Err(reason), "{name}: {value}");
    }
}

#[tokio::test]
async fn headers_that_may_be_absent_or_unknown() {
    assert_eq!(judge_header(&header().without("typ").text()).await, accepted());
    assert_eq!(judge_header(&header().without("cat").text()).await, accepted());
    assert_eq!(judge_header(&header().set("cat", r#""cl_I7d4PD111III""#).text()).await, accepted());
    for (name, value) in [("zip", r#""DEF""#), ("cty", "1"), ("x", "{}"), ("Typ", "0"), ("x5t", "null")] {
        assert_eq!(judge_header(&header().set(name, value).text()).await, accepted(), "{name}");
    }
}
