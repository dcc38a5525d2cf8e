//! `GET /api/v1/entities/icps/{id}`, and access to the routes of one ICP.

use reqwest::Method;
use serde_json::json;

use crate::support::services::on_both;
use crate::support::users::{SMB, User};
use crate::support::{LIST, Response, Service, Setup, client};

const NOBODYS: &str = "/api/v1/entities/icps/550e8400-e29b-41d4-a716-000000000000";

const METHODS: [Method; 4] = [Method::GET, Method::HEAD, Method::PATCH, Method::DELETE];

/// Sends a request that would have an effect if the caller had access.
async fn request_as(user: &User<'_>, method: &Method, path: &str) -> Response {
    let request = user.request(method.clone(), path).header("content-type", "application/json");
    Response::of(if method == Method::PATCH { request.body(r#"{"name":"changed"}"#) } else { request }).await
}

/// Checks status and code. A response to HEAD has a status only.
#[track_caller]
fn assert_refused(response: &Response, method: &Method, status: u16, code: &str) {
    if method == Method::HEAD {
        assert_eq!((response.status.as_u16(), response.body.as_str()), (status, ""), "{response:?}");
    } else {
        response.assert_problem(status, code);
    }
}

fn admins(setup: Setup) -> Setup {
    setup.with("ICP__AUTH__ADMIN_USER_IDS", "user_admin, user_admin_2")
}

on_both!(only_users_and_admins_can_read, with admins);
async fn only_users_and_admins_can_read(service: &Service) {
    let [ada, bob, eve] = ["user_ada", "user_bob", "user_eve"].map(|id| service.user(id));
    let body = json!({"name": "SMB", "leadProviderCriteria": [], "userIds": ["user_bob"]});
    let created = ada.create(body).await;
    let path = created.icp_path();
    let by_list = ["user_admin", "user_admin_2"].map(|id| service.user(id));
    let by_claim = service.admin("user_root");
    for reader in [&ada, &bob, &by_claim].into_iter().chain(&by_list) {
        let read = reader.get(&path).await.ok();
        assert_eq!(read.body, created.body);
        assert_eq!(read.header("content-type"), "application/json");
        assert_eq!(read.header("cache-control"), "private, no-cache");
        assert_eq!(read.header("vary"), "Authorization, Accept-Encoding");
    }
    for almost in ["user_ad", "user_ada2", "user_Ada", "user_bos"] {
        service.user(almost).get(&path).await.assert_problem(403, "FORBIDDEN");
    }
    for method in METHODS {
        assert_refused(&request_as(&eve, &method, &path).await, &method, 403, "FORBIDDEN");
    }
    assert_eq!(ada.list().await, format!("[{}]", created.body));
}

on_both!(unknown_id_is_404);
async fn unknown_id_is_404(service: &Service) {
    for user in [service.user("user_ada"), service.admin("user_root")] {
        for method in METHODS {
            assert_refused(&request_as(&user, &method, NOBODYS).await, &method, 404, "NOT_FOUND");
        }
    }
}

on_both!(malformed_id_is_400_with_parameter);
async fn malformed_id_is_400_with_parameter(service: &Service) {
    let ada = service.user("user_ada");
    let path = ada.create(SMB).await.icp_path();
    let id = path.rsplit('/').next().expect("must have an id");
    let wrong = [
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
    for wrong in wrong {
        for method in METHODS {
            let response = request_as(&ada, &method, &format!("{LIST}/{wrong}")).await;
            if method == Method::HEAD {
                assert_refused(&response, &method, 400, "BAD_REQUEST");
            } else {
                response.assert_parameter_fault("id");
            }
        }
    }
    assert_eq!(ada.listed().await, ["SMB"]);
}

on_both!(signed_out_requests_change_nothing);
async fn signed_out_requests_change_nothing(service: &Service) {
    let ada = service.user("user_ada");
    let created = ada.create(SMB).await;
    let path = created.icp_path();
    for token in [None, Some("e30.e30.e30"), Some(&ada.token[..ada.token.len() - 3])] {
        for path in [path.as_str(), NOBODYS, "/api/v1/entities/icps/1"] {
            for method in METHODS {
                let response = anonymous(service, &method, path, token, r#"{"name":"changed"}"#).await;
                assert_refused(&response, &method, 401, "UNAUTHORIZED");
                assert!(response.header("www-authenticate").starts_with("Bearer"), "{response:?}");
            }
        }
        for body in [SMB, "{", ""] {
            let response = anonymous(service, &Method::POST, LIST, token, body).await;
            response.assert_problem(401, "UNAUTHORIZED");
        }
    }
    assert_eq!(ada.list().await, format!("[{}]", created.body));
}

async fn anonymous(
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
    Response::of(if has_body {
        request.header("content-type", "application/json").body(body)
    } else {
        request
    })
    .await
}

on_both!(head_has_headers_of_get);
async fn head_has_headers_of_get(service: &Service) {
    let ada = service.user("user_ada");
    let path = ada.create(SMB).await.icp_path();
    let get = ada.get(&path).await.ok();
    let head = Response::of(ada.request(Method::HEAD, &path)).await.ok();
    assert_eq!(head.body, "");
    assert_eq!(head.header("content-length"), get.body.len().to_string());
    for header in ["content-type", "etag", "cache-control", "vary"] {
        assert!(!get.header(header).is_empty(), "{header}");
        assert_eq!(head.header(header), get.header(header), "{header}");
    }
    let known = ada.request(Method::HEAD, &path).header("if-none-match", get.etag());
    assert_eq!(Response::of(known).await.status, 304);
}

on_both!(id_can_be_in_upper_case);
async fn id_can_be_in_upper_case(service: &Service) {
    let ada = service.user("user_ada");
    let created = ada.create(SMB).await;
    let id = created.json()["id"].as_str().expect("the value must be a string").to_owned();
    assert_eq!(id, id.to_lowercase());
    let path = format!("{LIST}/{}", id.to_uppercase());
    assert_eq!(ada.get(&path).await.ok().body, created.body);
    assert_eq!(ada.patch(&path, r#"{"name":"new"}"#).await.ok().json()["id"], *id);
    assert_eq!(ada.delete(&path).await.status, 204);
    assert_eq!(ada.list().await, "[]");
}
