//! Tests OAuth access tokens on `/mcp`, and the metadata with which clients find the authorization server.

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::clerk::{Clerk, RESOURCE};
use crate::support::{LIST, Response, Service, Setup, client};

const METADATA_PATHS: [&str; 2] =
    ["/.well-known/oauth-protected-resource/mcp", "/.well-known/oauth-protected-resource"];
const CHALLENGE: &str =
    r#"Bearer resource_metadata="https://icp.example.com/.well-known/oauth-protected-resource/mcp""#;

async fn list_tools(service: &Service, token: &str) -> Response {
    let body = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/list"});
    service.send(Method::POST, "/mcp", token, &body).await
}

fn start_with_required_scopes(clerk: &Clerk) -> Service {
    clerk.with_mcp(Setup::new(), RESOURCE).with("ICP__MCP__REQUIRED_SCOPES", "profile,icp:write").start()
}

#[tokio::test]
async fn metadata_names_authorization_server_and_scopes() {
    let clerk = Clerk::new();
    for (service, scopes) in [
        (clerk.with_mcp(Setup::new(), RESOURCE).start(), None),
        (start_with_required_scopes(&clerk), Some(["profile", "icp:write"])),
    ] {
        let mut expected = json!({
            "resource": RESOURCE,
            "authorization_servers": ["https://clerk.example.com"],
            "bearer_methods_supported": ["header"],
        });
        if let Some(scopes) = scopes {
            expected["scopes_supported"] = json!(scopes);
        }
        for path in METADATA_PATHS {
            let response = service.get(path, None).await;
            assert_eq!((response.status.as_u16(), response.json()), (200, expected.clone()));
            assert_eq!(response.header("content-type"), "application/json");
            assert_eq!(response.header("access-control-allow-origin"), "*");
            let post = client().post(format!("{}{path}", service.address));
            Response::fetch(post).await.assert_problem(405, "METHOD_NOT_ALLOWED");
        }
    }
}

#[tokio::test]
async fn metadata_path_contains_path_of_resource() {
    let service = Clerk::new().with_mcp(Setup::new(), "https://example.com/icp/mcp").start();
    let response = service.get("/.well-known/oauth-protected-resource/icp/mcp", None).await;
    assert_eq!(response.json()["resource"], "https://example.com/icp/mcp");
    let expected =
        r#"Bearer resource_metadata="https://example.com/.well-known/oauth-protected-resource/icp/mcp""#;
    let request = client().post(format!("{}/mcp", service.address));
    assert_eq!(Response::fetch(request).await.header("www-authenticate"), expected);
}

#[tokio::test]
async fn only_mcp_challenge_names_metadata() {
    let clerk = Clerk::new();
    let service = clerk.with_mcp(Setup::new(), RESOURCE).start();
    let response = Response::fetch(client().post(format!("{}/mcp", service.address))).await;
    response.assert_problem(401, "UNAUTHORIZED");
    assert_eq!(response.header("www-authenticate"), CHALLENGE);
    let response = list_tools(&service, "oat_opaque").await;
    response.assert_problem(401, "UNAUTHORIZED");
    assert_eq!(response.header("www-authenticate"), format!(r#"{CHALLENGE}, error="invalid_token""#));
    assert_eq!(service.get(LIST, None).await.header("www-authenticate"), "Bearer");
}

#[tokio::test]
async fn only_mcp_accepts_access_tokens() {
    let clerk = Clerk::new();
    let service = clerk.with_mcp(Setup::new(), RESOURCE).start();
    let access_token = clerk.access_token("user_ada", json!({}));
    // In the second round, the cache of verified tokens contains a session token of this user.
    for _ in 0..2 {
        assert_eq!(list_tools(&service, &access_token).await.status, 200);
        service.get(LIST, Some(&access_token)).await.assert_problem(401, "UNAUTHORIZED");
        let session_token = clerk.session("user_ada", json!({}));
        assert_eq!(list_tools(&service, &session_token).await.status, 200);
        assert_eq!(service.get(LIST, Some(&session_token)).await.status, 200);
    }
}

#[tokio::test]
async fn mcp_checks_claims_of_access_tokens() {
    let clerk = Clerk::new();
    let service =
        clerk.with_mcp(Setup::new(), RESOURCE).with("ICP__MCP__OAUTH_CLIENT_IDS", "client_2").start();
    for (claims, status) in [
        (json!({"aud": null}), 401),
        (json!({"aud": "client_2"}), 401),
        (json!({"aud": null, "client_id": "client_2"}), 200),
        (json!({"aud": ["other", RESOURCE]}), 200),
        (json!({"aud": "https://icp.example.com/mcp/"}), 401),
        (json!({"exp": 1}), 401),
        (json!({"sub": "mch_1"}), 401),
    ] {
        let response = list_tools(&service, &clerk.access_token("user_ada", claims.clone())).await;
        assert_eq!(response.status, status, "{claims}: {response:?}");
    }
}

#[tokio::test]
async fn mcp_without_resource_rejects_access_tokens() {
    let clerk = Clerk::new();
    let service = clerk.trusted_by(Setup::new()).with("ICP__MCP__ENABLED", "true").start();
    for path in METADATA_PATHS {
        service.get(path, None).await.assert_problem(404, "NOT_FOUND");
    }
    let response = list_tools(&service, &clerk.access_token("user_ada", json!({}))).await;
    response.assert_problem(401, "UNAUTHORIZED");
    assert_eq!(response.header("www-authenticate"), r#"Bearer error="invalid_token""#);
    assert_eq!(list_tools(&service, &clerk.session("user_ada", json!({}))).await.status, 200);
}

#[tokio::test]
async fn missing_scope_returns_403_with_scopes() {
    let clerk = Clerk::new();
    let service = start_with_required_scopes(&clerk);
    let response = list_tools(&service, &clerk.access_token("user_ada", json!({}))).await;
    response.assert_problem(403, "FORBIDDEN");
    let metadata = "https://icp.example.com/.well-known/oauth-protected-resource/mcp";
    let expected = format!(
        r#"Bearer error="insufficient_scope", scope="profile icp:write", resource_metadata="{metadata}""#
    );
    assert_eq!(response.header("www-authenticate"), expected);
    let token_with_scopes = clerk.access_token("user_ada", json!({"scope": "icp:write email profile"}));
    assert_eq!(list_tools(&service, &token_with_scopes).await.status, 200);
}

#[tokio::test]
async fn access_token_of_admin_grants_no_admin_rights() {
    let clerk = Clerk::new();
    let service =
        clerk.with_mcp(Setup::new(), RESOURCE).with("ICP__AUTH__ADMIN_USER_IDS", "user_root").start();
    let session_token = |user: &str| clerk.session(user, json!({}));
    let body = json!({"name": "A", "leadProviderCriteria": []});
    let path = service.create(&session_token("user_ada"), &body).await.icp_path();
    assert_eq!(service.get(&path, Some(&session_token("user_root"))).await.status, 200);
    let id = path.rsplit('/').next().expect("the path must contain the ID");
    let body = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "get_icp", "arguments": {"id": id}}});
    let call = async |token: &str| {
        let response = service.send(Method::POST, "/mcp", token, &body).await.json();
        let text =
            response["result"]["content"][0]["text"].as_str().expect("the value must be a string").to_owned();
        (
            response["result"]["isError"] == true,
            serde_json::from_str::<Value>(&text).expect("the text must be JSON"),
        )
    };
    let (is_error, problem) = call(&clerk.access_token("user_root", json!({}))).await;
    assert!(is_error && problem["code"] == "FORBIDDEN", "{problem}");
    assert!(!call(&clerk.access_token("user_ada", json!({}))).await.0);
}

#[tokio::test]
async fn browser_clients_read_metadata_challenge_and_responses() {
    let clerk = Clerk::new();
    let service = clerk.with_mcp(Setup::new(), RESOURCE);
    let service = service.with("ICP__SERVER__CORS_ORIGINS", "https://app.example.com").start();
    let preflight = |path: &str, origin: &str, headers: &str| {
        let request = client().request(Method::OPTIONS, format!("{}{path}", service.address));
        let method = if path == "/mcp" { "POST" } else { "GET" };
        let request = request.header("origin", origin).header("access-control-request-method", method);
        request.header("access-control-request-headers", headers)
    };
    for (path, origin, is_allowed) in [
        ("/mcp", "https://app.example.com", true),
        ("/mcp", "https://evil.example.com", false),
        (METADATA_PATHS[0], "https://app.example.com", true),
        (METADATA_PATHS[0], "https://inspector.example.com", true),
        (METADATA_PATHS[1], "null", true),
    ] {
        let headers = "authorization,content-type,mcp-protocol-version,mcp-session-id,last-event-id";
        let response = Response::fetch(preflight(path, origin, headers)).await;
        let expected = if is_allowed { origin } else { "" };
        assert_eq!(response.header("access-control-allow-origin"), expected, "{path} {origin}: {response:?}");
        assert_eq!(response.status.is_success(), is_allowed, "{path} {origin}: {response:?}");
    }
    let request_from = |path: &str, origin: &str| {
        client().get(format!("{}{path}", service.address)).header("origin", origin)
    };
    for origin in ["https://app.example.com", "https://inspector.example.com"] {
        let response = Response::fetch(request_from(METADATA_PATHS[0], origin)).await;
        assert!([origin, "*"].contains(&response.header("access-control-allow-origin")), "{response:?}");
    }
    let request =
        client().post(format!("{}/mcp", service.address)).header("origin", "https://app.example.com");
    let response = Response::fetch(request).await;
    assert_eq!((response.status.as_u16(), response.header("www-authenticate")), (401, CHALLENGE));
    assert_eq!(response.header("access-control-allow-origin"), "https://app.example.com");
    let exposed = response.header("access-control-expose-headers").to_lowercase();
    assert!(["www-authenticate", "mcp-session-id"].iter().all(|name| exposed.contains(name)), "{exposed}");
}
