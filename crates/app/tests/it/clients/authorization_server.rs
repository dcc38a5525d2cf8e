//! A small OAuth authorization server that behaves like Clerk's. It supports discovery (RFC 8414), client
//! registration, the authorization code flow with PKCE, and JWT access tokens (RFC 9068). Its user consents to every
//! request.

use std::collections::HashMap;
use std::net::TcpListener;
use std::sync::{Arc, Mutex, PoisonError};

use actix_cors::Cors;
use actix_web::{App, HttpResponse, HttpServer, web};
use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use crate::support::clerk::Clerk;

/// The ID of a client that an administrator registered.
pub(crate) const REGISTERED_CLIENT: &str = "client_known";
/// The ID of the user who signs in and consents.
pub(crate) const USER: &str = "user_abc123";

type Fields = HashMap<String, String>;

/// The authorization server. It runs until the test process ends.
pub(crate) struct AuthorizationServer {
    pub(crate) issuer: String,
    state: Arc<State>,
}

struct State {
    clerk: Clerk,
    codes: Mutex<HashMap<String, Fields>>,
    /// The successful token requests.
    token_requests: Mutex<Vec<Fields>>,
}

impl AuthorizationServer {
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("the listener must bind the port");
        let issuer = format!("http://{}", listener.local_addr().expect("the listener must have an address"));
        let state = Arc::new(State {
            clerk: Clerk::with_issuer(&issuer),
            codes: Mutex::default(),
            token_requests: Mutex::default(),
        });
        let data = web::Data::from(Arc::clone(&state));
        std::thread::spawn(move || {
            let app = move || {
                App::new()
                    .app_data(data.clone())
                    .wrap(Cors::permissive())
                    .route("/.well-known/oauth-authorization-server", web::get().to(metadata))
                    .route("/.well-known/jwks.json", web::get().to(key_set))
                    .route("/register", web::post().to(register))
                    .route("/authorize", web::get().to(authorize))
                    .route("/token", web::post().to(token))
            };
            let server = HttpServer::new(app)
                .workers(1)
                .disable_signals()
                .listen(listener)
                .expect("the socket must listen");
            actix_web::rt::System::new().block_on(server.run())
        });
        Self { issuer, state }
    }

    /// Returns the successful token requests.
    pub(crate) fn token_requests(&self) -> Vec<Fields> {
        self.state.token_requests.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

async fn metadata(state: web::Data<State>) -> HttpResponse {
    let issuer = &state.clerk.issuer;
    HttpResponse::Ok().json(json!({
        "issuer": issuer,
        "authorization_endpoint": format!("{issuer}/authorize"),
        "token_endpoint": format!("{issuer}/token"),
        "registration_endpoint": format!("{issuer}/register"),
        "jwks_uri": format!("{issuer}/.well-known/jwks.json"),
        "response_types_supported": ["code"],
        "grant_types_supported": ["authorization_code"],
        "code_challenge_methods_supported": ["S256"],
        "token_endpoint_auth_methods_supported": ["none"],
        "scopes_supported": ["profile", "email"],
    }))
}

async fn key_set(state: web::Data<State>) -> HttpResponse {
    HttpResponse::Ok().json(state.clerk.key_set())
}

async fn register(mut client: web::Json<Value>) -> HttpResponse {
    client["client_id"] = "client_registered".into();
    client["token_endpoint_auth_method"] = "none".into();
    HttpResponse::Created().json(client.into_inner())
}

/// Redirects to the client with a code. There is no page on which the user signs in and consents.
async fn authorize(state: web::Data<State>, query: web::Query<Fields>) -> HttpResponse {
    let query = query.into_inner();
    if query.get("code_challenge_method").is_none_or(|method| method != "S256") {
        return HttpResponse::BadRequest().body("PKCE is required");
    }
    let code = format!("code_{}", state.codes.lock().expect("the lock must not be poisoned").len());
    let mut redirect: reqwest::Url = query["redirect_uri"].parse().expect("the URL must be valid");
    redirect.query_pairs_mut().append_pair("code", &code).append_pair("state", &query["state"]);
    state.codes.lock().expect("the lock must not be poisoned").insert(code, query);
    HttpResponse::Found().insert_header(("location", redirect.as_str())).finish()
}

async fn token(state: web::Data<State>, form: web::Form<Fields>) -> HttpResponse {
    let form = form.into_inner();
    let Some(authorized) =
        state.codes.lock().expect("the lock must not be poisoned").get(&form["code"]).cloned()
    else {
        return HttpResponse::BadRequest().json(json!({"error": "invalid_grant"}));
    };
    let challenge = BASE64_URL_SAFE_NO_PAD.encode(digest(&SHA256, form["code_verifier"].as_bytes()));
    let matches = |name: &str| authorized.get(name) == form.get(name);
    let parameters_match = ["client_id", "redirect_uri", "resource"].into_iter().all(matches);
    if authorized["code_challenge"] != challenge || !parameters_match {
        return HttpResponse::BadRequest().json(json!({"error": "invalid_grant"}));
    }
    state.token_requests.lock().expect("the lock must not be poisoned").push(form.clone());
    let scope = authorized.get("scope").map_or("profile", String::as_str);
    let claims = json!({"client_id": form["client_id"], "aud": form.get("resource"), "scope": scope});
    let access_token = state.clerk.access_token(USER, claims);
    HttpResponse::Ok().json(
        json!({"access_token": access_token, "token_type": "Bearer", "expires_in": 3_600, "scope": scope}),
    )
}
