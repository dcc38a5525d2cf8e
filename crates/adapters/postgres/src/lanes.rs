//! Connections with several statements in flight on each.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use arc_swap::ArcSwapOption;
use icp_ports::RepositoryError;
use tokio::runtime::Handle;
use tokio::sync::{Mutex, OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

use crate::connection::Connection;
use crate::connector::Connector;
use crate::error::QueryError;
use crate::gathering::thread_number;
use crate::pace::{Asked, PATIENCE, Pace};

/// No thread has this number.
const ANYWHERE: usize = usize::MAX;
/// How long a statement that was given up may still be under way.
const FENCE_LIMIT: Duration = Duration::from_secs(4);

/// A fixed number of lanes, each of one connection on which several statements are in flight, one behind the other.
///
/// This is no pool: nobody waits for a connection that another request has taken. With one pool connection a request, four
/// times as many connections serve fewer requests.
pub(crate) struct Lanes {
    connector: Connector,
    /// Where connections live; where they are first needed when `None`.
    runtime: Option<Handle>,
    /// A lane that is driven by another thread is taken when those of this one have so many more to do.
    elsewhere: usize,
    all: Box<[Lane]>,
}

struct Lane {
    current: ArcSwapOption<Connection>,
    /// The thread that drives it, and [`ANYWHERE`] if that is none of those that ask.
    home: AtomicUsize,
    /// Held while connecting, so that many requests make one connection; when an attempt failed last.
    connecting: Mutex<Option<Instant>>,
    /// Room for statements.
    room: Arc<Semaphore>,
    /// How many there is room for.
    statements: usize,
    pace: Arc<Pace>,
}

impl Lanes {
    pub(crate) fn new(
        connector: Connector,
        runtime: Option<Handle>,
        lanes: usize,
        statements_per_lane: usize,
    ) -> Self {
        let all = (0..lanes.max(1)).map(|_| Lane::new(statements_per_lane)).collect();
        Self { connector, runtime, elsewhere: 0, all }
    }

    /// For statements that are soon through, so that to wake another thread costs as much as a few of them.
    pub(crate) fn staying_at_home(self) -> Self {
        Self { elsewhere: 4, ..self }
    }

    /// How many connections are open.
    #[expect(clippy::cast_precision_loss, reason = "there are a few")]
    pub(crate) fn open(&self) -> f64 {
        self.all.iter().filter(|lane| lane.live().is_some()).count() as f64
    }

    /// How many statements are under way.
    pub(crate) fn in_flight(&self) -> f64 {
        self.most() - self.sum(|lane| lane.room.available_permits())
    }

    /// How many may be.
    pub(crate) fn most(&self) -> f64 {
        self.sum(|lane| lane.statements)
    }

    #[expect(clippy::cast_precision_loss, reason = "there are a few")]
    fn sum(&self, of_lane: impl Fn(&Lane) -> usize) -> f64 {
        self.all.iter().map(of_lane).sum::<usize>() as f64
    }

    /// Has every connection replaced.
    pub(crate) fn discard_all(&self) {
        for lane in &self.all {
            lane.current.store(None);
        }
    }

    /// Waits for room on the freest lane. Who would wait too long for those before them is turned away at once: more than the
    /// database can do is asked of it, and they would only keep others waiting.
    pub(crate) async fn turn(&self) -> Result<Turn<'_>, RepositoryError> {
        let lane = self.freest();
        let limit = self.connector.limits().acquire;
        let (wait, asked) = Asked::on(&lane.pace, 1);
        if wait > limit {
            return Err(RepositoryError::Overloaded);
        }
        let room = if let Ok(room) = Arc::clone(&lane.room).try_acquire_owned() {
            room
        } else {
            let waiting = timeout(limit, Arc::clone(&lane.room).acquire_owned());
            waiting.await.ok().and_then(Result::ok).ok_or_else(|| lane.refusal())?
        };
        Ok(Turn { lanes: self, lane, under_way: None, place: Some((room, asked)) })
    }

    /// The lane on which the fewest wait. What comes by a connection that another thread drives has to wake two threads: where
    /// that counts, such a lane is as if there were a few more on it, and otherwise the last to be chosen among equals.
    fn freest(&self) -> &Lane {
        let thread = thread_number();
        let (before, from) = self.all.split_at(thread % self.all.len());
        let lanes = from.iter().chain(before);
        #[expect(clippy::expect_used, reason = "there is at least one lane")]
        lanes
            .min_by_key(|lane| {
                let away = usize::from(lane.is_away_from(thread));
                (lane.pace.asked() + away * self.elsewhere, away)
            })
            .expect("a lane")
    }
}

impl Lane {
    fn new(statements: usize) -> Self {
        let room = Arc::new(Semaphore::new(statements));
        Self {
            current: ArcSwapOption::empty(),
            home: AtomicUsize::new(ANYWHERE),
            connecting: Mutex::new(None),
            room,
            statements,
            pace: Arc::new(Pace::new()),
        }
    }

    fn is_away_from(&self, thread: usize) -> bool {
        let home = self.home.load(Ordering::Relaxed);
        home != thread && home != ANYWHERE
    }

    /// Why there is no room: where nothing is connected, the database is out of reach.
    fn refusal(&self) -> RepositoryError {
        if self.live().is_none() {
            RepositoryError::Unavailable("there is no connection to the database".into())
        } else {
            self.pace.refusal()
        }
    }

    async fn connection(&self, lanes: &Lanes) -> Result<Arc<Connection>, RepositoryError> {
        if let Some(connection) = self.live() {
            if connection.age() < lanes.connector.limits().connection_lifetime {
                return Ok(connection);
            }
            // It has become old. One request makes the next one, and the others go on with this one.
            let Ok(_connecting) = self.connecting.try_lock() else { return Ok(connection) };
            return Ok(self.renewed(lanes, connection).await);
        }
        let asked = Instant::now();
        let mut connecting = self.connecting.lock().await;
        if let Some(connection) = self.live() {
            return Ok(connection);
        }
        if connecting.is_some_and(|failed| failed >= asked) {
            // Whoever waited for an attempt shares its failure.
            return Err(RepositoryError::Unavailable("an attempt to connect has just failed".into()));
        }
        let opened = self.open(lanes).await;
        *connecting = opened.is_err().then(Instant::now);
        opened
    }

    /// A new connection; where there is none to be had, the old one, for a while.
    async fn renewed(&self, lanes: &Lanes, old: Arc<Connection>) -> Arc<Connection> {
        if let Ok(Ok(new)) = timeout(PATIENCE, self.open(lanes)).await {
            return new;
        }
        old.is_young_again();
        old
    }

    async fn open(&self, lanes: &Lanes) -> Result<Arc<Connection>, RepositoryError> {
        let runtime = lanes.runtime.clone().unwrap_or_else(Handle::current);
        let connection = Arc::new(Connection::open(&lanes.connector, &runtime).await?);
        if lanes.runtime.is_none() {
            self.home.store(thread_number(), Ordering::Relaxed);
        }
        self.current.store(Some(Arc::clone(&connection)));
        Ok(connection)
    }

    fn live(&self) -> Option<Arc<Connection>> {
        self.current.load_full().filter(|connection| !connection.has_ended())
    }

    /// Takes a broken connection out, unless somebody has done so and put a new one there.
    fn discard(&self, broken: &Arc<Connection>) {
        let current = self.current.load();
        if current.as_ref().is_some_and(|current| Arc::ptr_eq(current, broken)) {
            self.current.compare_and_swap(&*current, None);
        }
    }
}

/// Room on a lane, and the connection on which a statement is under way.
pub(crate) struct Turn<'a> {
    lanes: &'a Lanes,
    lane: &'a Lane,
    under_way: Option<(Arc<Connection>, Instant)>,
    place: Option<(OwnedSemaphorePermit, Asked)>,
}

impl Turn<'_> {
    /// Runs a statement.
    pub(crate) async fn run<T, F: Future<Output = Result<T, QueryError>>>(
        &mut self,
        query: &impl Fn(Arc<Connection>) -> F,
    ) -> Result<T, RepositoryError> {
        let connection = self.lane.connection(self.lanes).await?;
        let sent = Instant::now();
        self.under_way = Some((Arc::clone(&connection), sent));
        let result = query(Arc::clone(&connection)).await;
        self.under_way = None;
        if result.is_ok() {
            self.lane.pace.answered(sent);
        }
        result.map_err(|error| {
            if error.suspects_connection() {
                self.lane.discard(&connection);
            }
            error.into()
        })
    }
}

/// A statement that is given up in the middle, because its client has gone or its time is over, is still on its way
/// through the connection. It keeps its room until it is through: otherwise those who hang up could fill the lane unseen.
impl Drop for Turn<'_> {
    fn drop(&mut self) {
        let (Some((connection, since)), Some(place)) = (self.under_way.take(), self.place.take()) else {
            return;
        };
        if since.elapsed() >= PATIENCE {
            // It may hang, and so would the next one on it.
            self.lane.discard(&connection);
        }
        if let Ok(runtime) = Handle::try_current() {
            runtime.spawn(async move {
                // What is asked now is answered after what was asked before.
                let _ = timeout(FENCE_LIMIT, connection.fence()).await;
                drop(place);
            });
        }
    }
}
