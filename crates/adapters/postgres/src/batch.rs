//! Batches of queued requests. One statement reads all short lists of a batch, and a second statement all single ICPs.
//! If a request for a list sends known versions, a further statement first reads the state of the server. If the cached
//! version of a list is valid in this state and is one of the known versions, the list is not read.
//!
//! For a short list, the fixed cost of a statement is higher than the cost of reading its rows. The fixed cost is a
//! network round trip, two context switches, and the start and the end of the statement in PostgreSQL. A batch never
//! includes a request that arrives after its statement was sent, so each result contains all writes that ended before
//! the request.

use std::pin::pin;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use diesel::QueryResult;
use diesel_async::AsyncPgConnection;
use icp_domain::{AccessScope, IcpId, UserId};
use icp_ports::{Conditional, IcpList, ListVersion, Lookup};
use icp_storage::VersionCache;
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, sleep};

use crate::get::{VersionedDocument, get_icps};
use crate::pool::Pool;
use crate::server_state::{ListVersions, ServerState};
use crate::short_list::{MAX_DOCUMENT_BYTES, short_lists};

/// Maximum number of requests in a batch.
const MAX_BATCH_SIZE: usize = 32;
/// Maximum number of queued requests. Further requests run alone.
const MAX_QUEUED_REQUESTS: usize = 1_024;
/// If a batch takes longer than this time, all requests that are queued before it ends run alone.
const MAX_BATCH_DURATION: Duration = Duration::from_millis(20);

/// Batches the requests of one client ([`PostgresDatabase`](crate::PostgresDatabase)). A task runs the batches, one
/// after the other.
///
/// The result `None` means that the caller must run the request alone, with its own statement. The reason can be that
/// its result is not short, that its batch failed, that the batch before it takes too long, or that too many requests
/// were queued.
#[derive(Clone)]
pub(crate) struct Batcher(Arc<Inner>);

struct Inner {
    pool: Pool,
    versions: Arc<ListVersions>,
    /// Sends requests to the task. The task starts with the first request, on the worker that sends it.
    sender: OnceLock<mpsc::Sender<Request>>,
}

enum Request {
    List(ListRequest),
    Get(GetRequest),
}

struct ListRequest {
    user_id: UserId,
    known: Vec<ListVersion>,
    reply: oneshot::Sender<Conditional<IcpList, ListVersion>>,
}

struct GetRequest {
    id: IcpId,
    /// The user who must be in the `userIds` of the ICP, or `None` for an admin.
    user_id: Option<UserId>,
    reply: oneshot::Sender<Lookup<VersionedDocument>>,
}

impl Batcher {
    pub(crate) fn new(pool: &Pool, versions: &Arc<ListVersions>) -> Self {
        let (pool, versions) = (pool.clone(), Arc::clone(versions));
        Self(Arc::new(Inner { pool, versions, sender: OnceLock::new() }))
    }

    /// Returns the complete list of a user, oldest first, unless its version is one of `known`. Returns `None` if the
    /// request must run alone, see [`Batcher`].
    pub(crate) async fn list(
        &self,
        user_id: &UserId,
        known: &[ListVersion],
    ) -> Option<Conditional<IcpList, ListVersion>> {
        let (reply, result) = oneshot::channel();
        let request = ListRequest { user_id: user_id.clone(), known: known.to_vec(), reply };
        self.sender().try_send(Request::List(request)).ok()?;
        result.await.ok()
    }

    /// Looks up one ICP. Returns `None` if the request must run alone, see [`Batcher`].
    pub(crate) async fn get(&self, id: IcpId, scope: &AccessScope) -> Option<Lookup<VersionedDocument>> {
        let (reply, result) = oneshot::channel();
        let request = GetRequest { id, user_id: scope.user_id().cloned(), reply };
        self.sender().try_send(Request::Get(request)).ok()?;
        result.await.ok()
    }

    fn sender(&self) -> &mpsc::Sender<Request> {
        self.0.sender.get_or_init(|| {
            let (sender, requests) = mpsc::channel(MAX_QUEUED_REQUESTS);
            tokio::spawn(run_batches(requests, self.0.pool.clone(), Arc::clone(&self.0.versions)));
            sender
        })
    }
}

/// Runs one batch after the other. If this function drops a request, its caller runs the request alone.
async fn run_batches(mut requests: mpsc::Receiver<Request>, pool: Pool, versions: Arc<ListVersions>) {
    let mut batch = Vec::with_capacity(MAX_BATCH_SIZE);
    // All batches share a timer. A new timer would be the next one to expire, and would wake the event loop of the
    // worker.
    let mut time_limit = pin!(sleep(MAX_BATCH_DURATION));
    while requests.recv_many(&mut batch, MAX_BATCH_SIZE).await > 0 {
        let mut running_batch = pin!(run_batch(&pool, &versions, std::mem::take(&mut batch)));
        time_limit.as_mut().reset(Instant::now() + MAX_BATCH_DURATION);
        let mut is_late = false;
        loop {
            tokio::select! {
                biased;
                () = &mut running_batch => break,
                () = &mut time_limit, if !is_late => is_late = true,
                Some(request) = requests.recv(), if is_late => drop(request),
            }
        }
    }
}

async fn run_batch(pool: &Pool, versions: &Arc<ListVersions>, batch: Vec<Request>) {
    let (mut lists, mut gets) = (Vec::new(), Vec::new());
    for request in batch {
        match request {
            Request::List(list) if !list.reply.is_closed() => lists.push(list),
            Request::Get(get) if !get.reply.is_closed() => gets.push(get),
            Request::List(_) | Request::Get(_) => {}
        }
    }
    if lists.is_empty() && gets.is_empty() {
        return;
    }
    let deadline = pool.deadline();
    let Ok(lease) = pool.acquire(deadline).await else { return };
    let versions = Arc::clone(versions);
    let batch_task = lease.run(deadline, move |connection| {
        Box::pin(async move {
            let connection: &AsyncPgConnection = connection;
            tokio::try_join!(answer_lists(connection, &versions, lists), answer_gets(connection, gets))
        })
    });
    if let Err(error) = batch_task.await {
        tracing::debug!(?error, "a batch failed; each of its requests is run alone");
    }
}

async fn answer_lists(
    connection: &AsyncPgConnection,
    versions: &ListVersions,
    requests: Vec<ListRequest>,
) -> QueryResult<()> {
    let is_conditional = requests.iter().any(|request| !request.known.is_empty());
    let state = if is_conditional { versions.server_state(connection).await? } else { None };
    let requests = match &state {
        Some(state) => answer_unchanged(&mut versions.lock(), state, requests),
        None => requests,
    };
    if requests.is_empty() {
        return Ok(());
    }
    let users: Vec<&str> = requests.iter().map(|request| request.user_id.as_str()).collect();
    let lists = short_lists(connection, &users).await?;
    for (ListRequest { user_id, known, reply }, list) in requests.into_iter().zip(lists) {
        let Some(list) = list else { continue };
        if let Some(state) = &state {
            versions.lock().insert(state, &user_id, list.version);
        }
        let _ = reply.send(Conditional::of(list.version, list, &known));
    }
    Ok(())
}

/// Replies to the requests whose list is unchanged according to the cache, and returns the other requests.
fn answer_unchanged(
    cache: &mut VersionCache<ServerState>,
    state: &ServerState,
    requests: Vec<ListRequest>,
) -> Vec<ListRequest> {
    cache.enter(state.clone());
    let mut remaining = Vec::with_capacity(requests.len());
    for request in requests {
        match cache.get(&request.user_id) {
            Some(version) if request.known.contains(&version) => {
                let _ = request.reply.send(Conditional::Unchanged(version));
            }
            _ => remaining.push(request),
        }
    }
    remaining
}

async fn answer_gets(connection: &AsyncPgConnection, requests: Vec<GetRequest>) -> QueryResult<()> {
    if requests.is_empty() {
        return Ok(());
    }
    let ids: Vec<_> = requests.iter().map(|request| request.id.as_uuid()).collect();
    let users: Vec<_> = requests.iter().map(|request| request.user_id.as_ref().map(UserId::as_str)).collect();
    let results = get_icps(connection, &ids, &users, MAX_DOCUMENT_BYTES).await?;
    for (request, result) in requests.into_iter().zip(results) {
        // `None` means that the document is too long for a batch. Its request must run alone.
        if !matches!(result, Lookup::Found((_, None))) {
            let _ = request.reply.send(result);
        }
    }
    Ok(())
}
