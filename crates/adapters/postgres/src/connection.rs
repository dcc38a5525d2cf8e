//! One connection, on which several queries may be under way.

use std::any::TypeId;
use std::collections::HashMap;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use diesel::pg::{Pg, PgQueryBuilder};
use diesel::query_builder::{QueryBuilder as _, QueryFragment, QueryId};
use futures_util::TryStreamExt as _;
use icp_ports::RepositoryError;
use tokio::runtime::Handle;
use tokio_postgres::{Client, Row, RowStream, Statement};

use crate::binds::Binds;
use crate::connector::Connector;
use crate::error::QueryError;
use crate::snapshots::Seen;

/// A connection that knows when it has ended.
pub(crate) struct Connection {
    client: Client,
    /// Where the session is ours, and so leads to one server, whose snapshots say all.
    seen: Option<Seen>,
    /// What has been prepared, by the type of the query; `None` where nothing may be.
    prepared: Option<Mutex<HashMap<TypeId, Statement>>>,
    ended: Arc<AtomicBool>,
    /// When it was opened, or could not be replaced; in milliseconds from `epoch`.
    since: AtomicU64,
    epoch: Instant,
}

impl Connection {
    /// Opens a connection, which is driven by `runtime`: it must outlive whoever happens to need the connection first.
    pub(crate) async fn open(connector: &Connector, runtime: &Handle) -> Result<Self, RepositoryError> {
        let ended = Arc::new(AtomicBool::new(false));
        let end = End(Arc::clone(&ended));
        let connector = connector.clone();
        let prepared = connector.prepares().then(Mutex::default);
        // Its socket belongs to the runtime in which it is made.
        let connecting = runtime.spawn(async move {
            let (client, driver) = connector.connect().await?;
            tokio::spawn(async move {
                let _end = end;
                if let Err(error) = driver.await {
                    tracing::debug!(%error, "a connection to PostgreSQL broke");
                }
            });
            let remembers = connector.set_up(&client).await?;
            Ok::<_, RepositoryError>((client, remembers.then(Seen::default)))
        });
        let (client, seen) =
            connecting.await.map_err(|error| RepositoryError::Unavailable(error.into()))??;
        Ok(Self { client, seen, prepared, ended, since: AtomicU64::new(0), epoch: Instant::now() })
    }

    /// Whether the other side has closed it: nothing that is sent now would arrive.
    pub(crate) fn has_ended(&self) -> bool {
        self.ended.load(Ordering::Acquire)
    }

    /// What is known of the server, where it may be remembered.
    pub(crate) fn seen(&self) -> Option<&Seen> {
        self.seen.as_ref()
    }

    pub(crate) fn age(&self) -> Duration {
        self.epoch.elapsed().saturating_sub(Duration::from_millis(self.since.load(Ordering::Relaxed)))
    }

    /// Counts its age from now.
    pub(crate) fn is_young_again(&self) {
        let millis = u64::try_from(self.epoch.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.since.store(millis, Ordering::Relaxed);
    }

    /// Waits until everything that was asked before has been answered.
    pub(crate) async fn fence(&self) {
        let _ = self.client.batch_execute("").await;
    }

    /// Runs a query, and gives its rows as they arrive.
    ///
    /// The query is read at once, and not kept: some cannot be shared between threads.
    pub(crate) fn rows<Q: QueryFragment<Pg> + QueryId>(
        &self,
        query: &Q,
    ) -> impl Future<Output = Result<RowStream, QueryError>> + use<'_, Q> {
        let asked = Binds::of(query).and_then(|binds| Ok((binds, self.form(query)?)));
        async move {
            let (binds, form) = asked?;
            let statement = match form {
                Form::Unprepared(sql) => {
                    return Ok(self.client.query_typed_raw(&sql, binds.into_typed()).await?);
                }
                Form::Prepared(statement) => statement,
                Form::ToPrepare(id, sql) => {
                    // Several may do so at once when a connection is new; one of their statements is kept.
                    let statement = self.client.prepare_typed(&sql, binds.types()).await?;
                    self.keep(id, &statement);
                    statement
                }
            };
            Ok(self.client.query_raw(&statement, binds.into_values()).await?)
        }
    }

    /// The first row, if there is one.
    pub(crate) fn first<Q: QueryFragment<Pg> + QueryId>(
        &self,
        query: &Q,
    ) -> impl Future<Output = Result<Option<Row>, QueryError>> + use<'_, Q> {
        let rows = self.rows(query);
        async move {
            let mut rows = pin!(rows.await?);
            let first = rows.try_next().await?;
            // To the end, where an error may wait; past it, the driver takes the connection for closed.
            while first.is_some() && rows.try_next().await?.is_some() {}
            Ok(first)
        }
    }

    /// Queries of one type have one text, if diesel says so. Others have too many forms to keep them all.
    fn form<Q: QueryFragment<Pg> + QueryId>(&self, query: &Q) -> Result<Form, QueryError> {
        let (Some(prepared), Some(id)) = (&self.prepared, Q::query_id()) else {
            return Ok(Form::Unprepared(sql(query)?));
        };
        let known = prepared.lock().unwrap_or_else(PoisonError::into_inner).get(&id).cloned();
        known.map_or_else(|| Ok(Form::ToPrepare(id, sql(query)?)), |statement| Ok(Form::Prepared(statement)))
    }

    fn keep(&self, id: TypeId, statement: &Statement) {
        if let Some(prepared) = &self.prepared {
            prepared.lock().unwrap_or_else(PoisonError::into_inner).insert(id, statement.clone());
        }
    }
}

/// How a query is sent.
enum Form {
    Prepared(Statement),
    ToPrepare(TypeId, String),
    Unprepared(String),
}

fn sql(query: &impl QueryFragment<Pg>) -> Result<String, QueryError> {
    let mut builder = PgQueryBuilder::default();
    query.to_sql(&mut builder, &Pg)?;
    Ok(builder.finish())
}

/// Says that a connection has ended, however its task did.
struct End(Arc<AtomicBool>);

impl Drop for End {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Release);
    }
}
