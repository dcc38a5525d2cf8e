//! Tests `GET /api/v1/entities/icps/{id}`, and who may use the routes of one ICP.

use reqwest::Method;
use serde_json::json;

use crate::support::services::on_both_databases;
use crate::support::users::{MINIMAL_BODY, User};
use crate::support::{LIST, Response, Service, Setup, client};

const UNKNOWN_ICP_PATH: &str = "/api/v1/entities/icps/550e8400-e29b-41d4-a716-000000000000";

const METHODS: [Method; 4] = [Method::GET, Method::HEAD, Method::PATCH, Method::DELETE];

/// Sends a request that would change or return the ICP if the user had access.
async fn request_as(user: &User<'_>, method: &Method, path: &str) -> Response {
    let request = user.request(method.clone(), path).header("content-type", "application/json");
    Response::fetch(if method == Method::PATCH { request.body(r#"{"name":"changed"}"#) } else { request })
        .await
}

/// Checks the status and the error code. A response to HEAD has no body, and therefore no code.
#[track_caller]
fn assert_rejected(response: &Response, method: &Method, status: u16, code: &str) {
    if method == Method::HEAD {
        assert_eq!((response.status.as_u16(), response.body.as_str()), (status, ""), "{response:?}");
    } else {
        response.assert_problem(status, code);
    }
}

fn set_admin_ids(setup: Setup) -> Setup {
    setup.with("ICP__AUTH__ADMIN_USER_IDS", "user_admin, user_admin_2")
}

on_both_databases!(only_users_and_admins_can_read, with set_admin_ids);
async fn only_users_and_admins_can_read(service: &Service) {
    let [ada, bob, eve] = ["user_ada", "user_bob", "user_eve"].map(|id| service.user(id));
    let body = json!({"name": "SMB", "leadProviderCriteria": [], "userIds": ["user_bob"]});
    let created = ada.create(body).await;
    let path = created.icp_path();
    let admins_by_setting = ["user_admin", "user_admin_2"].map(|id| service.user(id));
    let admin_by_claim = service.admin("user_root");
    for reader in [&ada, &bob, &admin_by_claim].into_iter().chain(&admins_by_setting) {
        let read = reader.get(&path).await.assert_ok();
        assert_eq!(read.body, created.body);
        assert_eq!(read.header("content-type"), "application/json");
        assert_eq!(read.header("cache-control"), "private, no-cache");
        assert_eq!(read.header("vary"), "Authorization, Accept-Encoding");
    }
    for similar_id in ["user_ad", "user_ada2", "user_Ada", "user_bos"] {
        service.user(similar_id).get(&path).await.assert_problem(403, "FORBIDDEN");
    }
    for method in METHODS {
        assert_rejected(&request_as(&eve, &method, &path).await, &method, 403, "FORBIDDEN");
    }
    assert_eq!(ada.list().await, format!("[{}]", created.body));
}

on_both_databases!(unknown_id_is_404);
async fn unknown_id_is_404(service: &Service) {
    for user in [service.user("user_ada"), service.admin("user_root")] {
        for method in METHODS {
            assert_rejected(&request_as(&user, &method, UNKNOWN_ICP_PATH).await, &method, 404, "NOT_FOUND");
        }
    }
}

on_both_databases!(malformed_id_is_400_with_parameter);
async fn malformed_id_is_400_with_parameter(service: &Service) {
    let ada = service.user("user_ada");
    let path = ada.create(MINIMAL_BODY).await.icp_path();
    let id = path.rsplit('/').next().expect("the path must contain the ID");
    let malformed_ids = [
        "1",
        "null",
        "%00",
        "%ff",
        "550e8400-e29b-41d4-a716-44665544000g",
        "550e8400-e29b-41d4-a716-4466554400001",
        &id.replace('-', ""),
        &format!("%7B{id}%7D"),
        &format!("urn:uuid:{id}"),
        &format!("{id}%20"),
        &format!("{id}'"),
    ];
    for id in malformed_ids {
        for method in METHODS {
            let response = request_as(&ada, &method, &format!("{LIST}/{id}")).await;
            if method == Method::HEAD {
                assert_rejected(&response, &method, 400, "BAD_REQUEST");
            } else {
                response.assert_invalid_parameter("id");
            }
        }
    }
    assert_eq!(ada.list_names().await, ["SMB"]);
}

on_both_databases!(requests_without_valid_token_change_nothing);
async fn requests_without_valid_token_change_nothing(service: &Service) {
    let ada = service.user("user_ada");
    let created = ada.create(MINIMAL_BODY).await;
    let path = created.icp_path();
    for token in [None, Some("e30.e30.e30"), Some(&ada.token[..ada.token.len() - 3])] {
        for path in [path.as_str(), UNKNOWN_ICP_PATH, "/api/v1/entities/icps/1"] {
            for method in METHODS {
                let response = send_with_token(service, &method, path, token, r#"{"name":"changed"}"#).await;
                assert_rejected(&response, &method, 401, "UNAUTHORIZED");
                assert!(response.header("www-authenticate").starts_with("Bearer"), "{response:?}");
            }
        }
        for body in [MINIMAL_BODY, "{", ""] {
            let response = send_with_token(service, &Method::POST, LIST, token, body).await;
            response.assert_problem(401, "UNAUTHORIZED");
        }
    }
    assert_eq!(ada.list().await, format!("[{}]", created.body));
}

async fn send_with_token(
    service: &Service,
    method: &Method,
    path: &str,
    token: Option<&str>,
    body: &'static str,
) -> Response {
    let request = client().request(method.clone(), format!("{}{path}", service.address));
    let request = match token {
        Some(token) => request.bearer_auth(token),
        None => request,
    };
    let has_body = [Method::POST, Method::PATCH].contains(method);
    Response::fetch(if has_body {
        request.header("content-type", "application/json").body(body)
    } else {
        request
    })
    .await
}

on_both_databases!(head_has_headers_of_get);
async fn head_has_headers_of_get(service: &Service) {
    let ada = service.user("user_ada");
    let path = ada.create(MINIMAL_BODY).await.icp_path();
    let get = ada.get(&path).await.assert_ok();
    let head = Response::fetch(ada.request(Method::HEAD, &path)).await.assert_ok();
    assert_eq!(head.body, "");
    assert_eq!(head.header("content-length"), get.body.len().to_string());
    for header in ["content-type", "etag", "cache-control", "vary"] {
        assert!(!get.header(header).is_empty(), "{header}");
        assert_eq!(head.header(header), get.header(header), "{header}");
    }
    let conditional = ada.request(Method::HEAD, &path).header("if-none-match", get.etag());
    assert_eq!(Response::fetch(conditional).await.status, 304);
}

on_both_databases!(id_can_be_in_upper_case);
async fn id_can_be_in_upper_case(service: &Service) {
    let ada = service.user("user_ada");
    let created = ada.create(MINIMAL_BODY).await;
    let id = created.json()["id"].as_str().expect("the value must be a string").to_owned();
    assert_eq!(id, id.to_lowercase());
    let path = format!("{LIST}/{}", id.to_uppercase());
    assert_eq!(ada.get(&path).await.assert_ok().body, created.body);
    assert_eq!(ada.patch(&path, r#"{"name":"new"}"#).await.assert_ok().json()["id"], *id);
    assert_eq!(ada.delete(&path).await.status, 204);
    assert_eq!(ada.list().await, "[]");
}
