//! Checks the problem documents and headers of errors that most routes can return, and the request ID.

use reqwest::Method;

use crate::support::{LIST, Response, Setup, client};

#[tokio::test]
async fn missing_or_invalid_token_is_401() {
    let service = Setup::new().start();
    let without_token = service.get(LIST, None).await;
    without_token.assert_problem(401, "UNAUTHORIZED");
    assert_eq!(without_token.header("www-authenticate"), "Bearer");

    let with_invalid_token = service.get(LIST, Some("e30.e30.e30")).await;
    with_invalid_token.assert_problem(401, "UNAUTHORIZED");
    assert_eq!(with_invalid_token.header("www-authenticate"), r#"Bearer error="invalid_token""#);
}

#[tokio::test]
async fn unknown_path_is_404() {
    let service = Setup::new().start();
    for path in
        ["/api", "/api/v1/entities", "/api/v1/entities/icpss", "/health", "/%00", "/%ff", "/..%2fdocs"]
    {
        service.get(path, None).await.assert_problem(404, "NOT_FOUND");
    }
}

#[tokio::test]
async fn unsupported_method_is_405_with_allow() {
    let service = Setup::new().start();
    let icp = format!("{LIST}/550e8400-e29b-41d4-a716-446655440000");
    for (path, allowed) in [
        (LIST, "GET, HEAD, POST, OPTIONS"),
        (&icp, "GET, HEAD, PATCH, DELETE, OPTIONS"),
        ("/health/live", "GET, HEAD, OPTIONS"),
        ("/health/ready", "GET, HEAD, OPTIONS"),
    ] {
        let methods = [Method::PUT, Method::TRACE, Method::DELETE, Method::POST];
        for method in methods.into_iter().filter(|method| !allowed.contains(method.as_str())) {
            let request = client().request(method.clone(), format!("{}{path}", service.address));
            let response = Response::fetch(request).await;
            response.assert_problem(405, "METHOD_NOT_ALLOWED");
            assert_eq!(response.header("allow"), allowed, "{method} {path}");
        }
    }
}

#[tokio::test]
async fn only_valid_request_id_is_kept() {
    let service = Setup::new().start();
    let send_request_id = |id: Vec<u8>| {
        let request = client().get(format!("{}/nowhere", service.address));
        Response::fetch(request.header(
            "x-request-id",
            reqwest::header::HeaderValue::from_bytes(&id).expect("the header must be valid"),
        ))
    };
    let valid_id = "7c0f6a4e:checkout/42.a_b-c+d=e@f";
    let response = send_request_id(valid_id.into()).await;
    assert_eq!(response.header("x-request-id"), valid_id);
    response.assert_problem(404, "NOT_FOUND");

    for malformed in
        [b"".to_vec(), vec![b'x'; 129], b"two words".to_vec(), b"<script>".to_vec(), b"\xff".to_vec()]
    {
        let response = send_request_id(malformed).await;
        assert_eq!(response.header("x-request-id").len(), 36, "the service must create a UUID: {response:?}");
    }
}
