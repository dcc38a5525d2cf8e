#![doc = include_str!("../README.md")]

mod auth;
mod icp;

use std::sync::Arc;

use anyhow::Context as _;
use axum::extract::{FromRef, State};
use axum::http::StatusCode;
use axum::routing::get;
use axum::serve::ListenerExt as _;
use axum::{Json, Router};
use sqlx::PgPool;
use sqlx::postgres::PgPoolOptions;
use tokio::net::TcpListener;

use self::auth::{SignedInUser, Verifier};
use self::icp::Icp;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const MAX_CONNECTIONS: u32 = 16;
const LIST_QUERY: &str = "SELECT id, name, description, created_at, updated_at, lead_provider_criteria, \
                    custom_filter_criteria, crm_filters, user_ids, leads_per_list, active_until \
                    FROM peer_icps WHERE user_ids @> ARRAY[$1]::text[] ORDER BY created_at, id";

#[derive(Clone, FromRef)]
struct Service {
    pool: PgPool,
    verifier: Arc<Verifier>,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let (Some(database), Some(key)) = (arguments.next(), arguments.next()) else {
        anyhow::bail!("usage: peer DATABASE_URL KEY");
    };
    // By default, sqlx pings a connection before each use, which costs a round trip.
    let options = PgPoolOptions::new().max_connections(MAX_CONNECTIONS).test_before_acquire(false);
    let pool = options.connect(&database).await.context("connecting to PostgreSQL")?;
    let verifier = Arc::new(Verifier::from_private_key(&std::fs::read(key)?)?);
    let service =
        Router::new().route("/api/v1/entities/icps", get(list_icps)).with_state(Service { pool, verifier });
    let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
    println!("peer listens on http://{}", listener.local_addr()?);
    let listener = listener.tap_io(|stream| {
        let _ = stream.set_nodelay(true);
    });
    Ok(axum::serve(listener, service).await?)
}

async fn list_icps(
    SignedInUser(user): SignedInUser,
    State(pool): State<PgPool>,
) -> Result<Json<Vec<Icp>>, StatusCode> {
    let icps = sqlx::query_as(LIST_QUERY).bind(user).fetch_all(&pool).await;
    icps.map(Json).map_err(|error| {
        eprintln!("{error}");
        StatusCode::INTERNAL_SERVER_ERROR
    })
}
