//! Concurrent writes of many clients to the same database and to the same ICP.

use std::collections::BTreeSet;

use futures_util::future::join_all;
use reqwest::{Client, Method, StatusCode};
use serde_json::{Value, json};

use crate::support::services::on_both_databases;
use crate::support::{LIST, Response, Service, stderr};

const CLIENT_COUNT: usize = 64;

fn clients(service: &Service, count: usize) -> Vec<(String, String, Client)> {
    let client = |number: usize| {
        let user = format!("user_client{number}");
        let client =
            Client::builder().no_proxy().tls_certs_only([]).build().expect("the client must be built");
        (service.token(&user), user, client)
    };
    (0..count).map(client).collect()
}

async fn send(client: &Client, method: Method, url: &str, token: &str, body: &Value) -> Response {
    let request = client.request(method, url).bearer_auth(token).header("content-type", "application/json");
    Response::fetch(request.body(body.to_string())).await
}

on_both_databases!(concurrent_patches_add_all_64_users);
async fn concurrent_patches_add_all_64_users(service: &Service) {
    let admin = &service.admin_token("user_root");
    let icp = service.create(admin, &json!({"name": "shared", "leadProviderCriteria": []})).await;
    let url = &format!("{}{}", service.address, icp.icp_path());
    let add_users = clients(service, CLIENT_COUNT).into_iter().map(async |(_, user, client)| {
        loop {
            let read = Response::fetch(client.get(url).bearer_auth(admin)).await;
            let mut users = read.json()["userIds"].as_array().expect("the users must be an array").clone();
            users.push(user.clone().into());
            let patch = client.patch(url).bearer_auth(admin).header("if-match", read.header("etag"));
            let patch = patch.header("content-type", "application/merge-patch+json");
            let response = Response::fetch(patch.body(json!({"userIds": users}).to_string())).await;
            match response.status {
                StatusCode::OK => return,
                StatusCode::PRECONDITION_FAILED => {}
                _ => panic!("{response:?}"),
            }
        }
    });
    join_all(add_users).await;
    let stored = service.get(&icp.icp_path(), Some(admin)).await.json();
    let users = stored["userIds"].as_array().expect("the users must be an array").iter();
    let users: BTreeSet<_> = users.map(Value::to_string).collect();
    assert_eq!(users.len(), CLIENT_COUNT + 1, "the ICP must have the users of all clients and its creator");
}

on_both_databases!(concurrent_patches_of_different_fields_all_persist);
async fn concurrent_patches_of_different_fields_all_persist(service: &Service) {
    const ROUNDS: u32 = 12;
    let token = &service.token("user_ada");
    let icp = service.create(token, &json!({"name": "shared", "leadProviderCriteria": []})).await;
    let url = &format!("{}{}", service.address, icp.icp_path());
    let value = |field: &str, round: u32| match field {
        "leadsPerList" => json!(round + 1),
        "customFilterCriteria" => json!([{"type": "minDaysUntilReuse", "value": round}]),
        "activeUntil" => json!(format!("2030-01-01T00:00:{round:02}.000Z")),
        _ => json!(format!("{field} {round}")),
    };
    let fields = ["name", "description", "leadsPerList", "customFilterCriteria", "activeUntil"];
    let send_patches =
        fields.into_iter().zip(clients(service, fields.len())).map(async |(field, (_, _, client))| {
            for round in 0..ROUNDS {
                let body = json!({field: value(field, round)});
                let response = send(&client, Method::PATCH, url, token, &body).await;
                assert_eq!(response.status, 200, "{response:?}");
                assert_eq!(response.json()[field], body[field], "the response must contain the change");
            }
        });
    join_all(send_patches).await;
    let stored = service.get(&icp.icp_path(), Some(token)).await.json();
    for field in fields {
        assert_eq!(stored[field], value(field, ROUNDS - 1), "{field}");
    }
}

/// 16 clients read and write while imports run in other processes. SQLite allows only one writer at a time.
#[tokio::test(flavor = "multi_thread")]
async fn concurrent_sqlite_writers_get_no_lock_error() {
    const WRITES: usize = 30;
    let service = crate::support::Setup::new().start();
    let list = &format!("{}{LIST}", service.address);
    let write_icps = clients(&service, 16).into_iter().map(async |(token, user, client)| {
        for number in 0..WRITES {
            let new = json!({"name": format!("{user} {number}"), "leadProviderCriteria": []});
            let created = send(&client, Method::POST, list, &token, &new).await;
            assert_eq!(created.status, 201, "{created:?}");
            let url = &format!("{}{}", service.address, created.icp_path());
            let patched = send(&client, Method::PATCH, url, &token, &json!({"description": user})).await;
            assert_eq!(patched.status, 200, "{patched:?}");
            if number % 3 == 0 {
                let deleted = send(&client, Method::DELETE, url, &token, &Value::Null).await;
                assert_eq!(deleted.status, 204, "{deleted:?}");
            }
            assert_eq!(Response::fetch(client.get(list).bearer_auth(&token)).await.status, 200);
        }
    });
    let importing = async {
        for number in 1..=20 {
            let icp = icp_testkit::fixtures::icp(number).json();
            let importing = service.setup.clone();
            let import = move || importing.icp_with_input(&["import"], icp.as_bytes());
            let imported = tokio::task::spawn_blocking(import).await.expect("the task must not panic");
            assert!(imported.status.success(), "{}", stderr(&imported));
        }
    };
    futures_util::future::join(join_all(write_icps), importing).await;
    for (token, _, client) in clients(&service, 16) {
        let icps = Response::fetch(client.get(list).bearer_auth(&token)).await.json();
        assert_eq!(icps.as_array().map(Vec::len), Some(WRITES - WRITES / 3));
    }
    assert!(!service.log().contains("another process"), "{}", service.log());
}
