//! Reads of many users, gathered into few statements.
//!
//! What a short list costs is less its rows than the statement around them: to send it, to wake PostgreSQL, to begin and
//! end it, and to be woken by the answer. So reads that are alike and wait at the same time share a statement. None waits for
//! company: whoever comes when nothing is under way is asked at once, and those who come meanwhile go together next. As no
//! read joins a statement that has begun, each finds what the database holds after it was asked.

use std::cell::Cell;
use std::collections::VecDeque;
use std::error::Error;
use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use icp_ports::RepositoryError;
use tokio::sync::oneshot;
use tokio::time::timeout;

use crate::connection::Connection;
use crate::connections::Connections;
use crate::error::{QueryError, timed_out};
use crate::pace::{Asked, Pace};

/// How many users a statement asks for.
const COMPANY: usize = 32;

/// How many statements are under way at once for one thread.
const STATEMENTS: usize = 1;

/// Something that is looked up for several users in one statement.
pub(crate) trait Gathered: Send + Sync + 'static {
    /// What is found for each.
    type Answer: Send + 'static;

    /// Looks it up: one answer for each member, in their order.
    fn ask(
        connection: Arc<Connection>,
        members: &[&str],
    ) -> impl Future<Output = Result<Vec<Self::Answer>, QueryError>> + Send;
}

/// Gathers reads of one kind. Each thread has a queue of its own, so that an answer needs to wake no other.
pub(crate) struct Gathering<G: Gathered>(Box<[Arc<Queue<G>>]>);

struct Queue<G: Gathered> {
    state: Mutex<State<G::Answer>>,
    pace: Arc<Pace>,
}

struct State<A> {
    waiting: VecDeque<Waiting<A>>,
    /// How many have been taken from the queue so far.
    taken: u64,
    /// Statements that are under way.
    statements: usize,
}

struct Waiting<A> {
    member: String,
    reply: oneshot::Sender<Result<A, RepositoryError>>,
}

impl<G: Gathered> Gathering<G> {
    pub(crate) fn new(threads: usize) -> Self {
        Self((0..threads.max(1)).map(|_| Arc::new(Queue::new())).collect())
    }

    /// Looks something up for a member, in company if there is any.
    pub(crate) async fn ask(
        &self,
        connections: &Arc<Connections>,
        member: &str,
    ) -> Result<G::Answer, RepositoryError> {
        #[expect(clippy::expect_used, reason = "there is at least one queue")]
        let queue = self.0.get(thread_number() % self.0.len()).expect("a queue");
        let (limit, acquire) = (connections.limit(), connections.acquire_limit());
        let (wait, _asked) = Asked::on(&queue.pace);
        if wait > acquire {
            return Err(RepositoryError::Overloaded);
        }
        let (number, mut answer) = queue.join(connections, member);
        let answered = match timeout(acquire, &mut answer).await {
            Ok(answered) => answered,
            Err(_) if queue.is_waiting(number) => return Err(queue.pace.refusal()),
            Err(_) => timeout(limit, answer).await.map_err(|_| timed_out(limit))?,
        };
        answered
            .unwrap_or_else(|_| Err(RepositoryError::Unavailable("the thread that asked has ended".into())))
    }
}

impl<G: Gathered> Queue<G> {
    fn new() -> Self {
        let state = State { waiting: VecDeque::new(), taken: 0, statements: 0 };
        Self { state: Mutex::new(state), pace: Arc::new(Pace::new()) }
    }

    fn state(&self) -> MutexGuard<'_, State<G::Answer>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The number of the place in the queue, and where the answer will come.
    fn join(
        self: &Arc<Self>,
        connections: &Arc<Connections>,
        member: &str,
    ) -> (u64, oneshot::Receiver<Result<G::Answer, RepositoryError>>) {
        let (reply, answer) = oneshot::channel();
        let mut state = self.state();
        let number = state.taken + state.waiting.len() as u64;
        state.waiting.push_back(Waiting { member: member.to_owned(), reply });
        if state.statements < STATEMENTS {
            state.statements += 1;
            // A task of its own: whoever asked first may hang up.
            tokio::spawn(UnderWay(Arc::clone(self)).serve(Arc::clone(connections)));
        }
        (number, answer)
    }

    fn is_waiting(&self, number: u64) -> bool {
        number >= self.state().taken
    }

    /// The next ones, without those who have hung up. When there are none, nothing is under way any more.
    fn next(&self) -> Option<Vec<Waiting<G::Answer>>> {
        let mut state = self.state();
        let mut company = Vec::with_capacity(state.waiting.len().min(COMPANY));
        while company.len() < COMPANY
            && let Some(waiting) = state.waiting.pop_front()
        {
            state.taken += 1;
            if !waiting.reply.is_closed() {
                company.push(waiting);
            }
        }
        (!company.is_empty()).then_some(company)
    }
}

/// Asks for those who wait, for as long as there are any.
struct UnderWay<G: Gathered>(Arc<Queue<G>>);

impl<G: Gathered> UnderWay<G> {
    async fn serve(self, connections: Arc<Connections>) {
        while let Some(company) = self.0.next() {
            self.answer(&connections, company).await;
        }
    }

    async fn answer(&self, connections: &Connections, company: Vec<Waiting<G::Answer>>) {
        let members: Vec<&str> = company.iter().map(|waiting| waiting.member.as_str()).collect();
        let asked = Instant::now();
        match connections.read(|connection| G::ask(connection, &members)).await {
            Ok(answers) => {
                self.0.pace.answered_many(asked, company.len());
                for (waiting, answer) in company.into_iter().zip(answers) {
                    // Whoever has hung up meanwhile needs none.
                    let _ = waiting.reply.send(Ok(answer));
                }
            }
            Err(RepositoryError::Backend(error)) if company.len() > 1 => {
                tracing::debug!(%error, "asking for each alone: what one has must not fail the others");
                for waiting in company {
                    let member = [waiting.member.as_str()];
                    let alone = connections.read(|connection| G::ask(connection, &member)).await;
                    let first = |answers: Vec<G::Answer>| answers.into_iter().next().ok_or_else(no_answer);
                    let _ = waiting.reply.send(alone.and_then(first));
                }
            }
            Err(error) => {
                let shared = Arc::new(error);
                for waiting in company {
                    let _ = waiting.reply.send(Err(copy(&shared)));
                }
            }
        }
    }
}

/// However it ends, also with its thread: nobody must wait for it then.
impl<G: Gathered> Drop for UnderWay<G> {
    fn drop(&mut self) {
        let mut state = self.0.state();
        state.statements -= 1;
        if state.statements == 0 {
            state.taken += state.waiting.len() as u64;
            state.waiting.clear();
        }
    }
}

fn no_answer() -> RepositoryError {
    RepositoryError::Backend("a statement gave no answer".into())
}

/// One error for several who asked.
fn copy(error: &Arc<RepositoryError>) -> RepositoryError {
    match error.as_ref() {
        RepositoryError::Overloaded => RepositoryError::Overloaded,
        RepositoryError::Unavailable(_) => RepositoryError::Unavailable(Shared(Arc::clone(error)).into()),
        RepositoryError::Backend(_) => RepositoryError::Backend(Shared(Arc::clone(error)).into()),
    }
}

/// The error of a statement, as each of those who asked is told it.
#[derive(Debug)]
struct Shared(Arc<RepositoryError>);

impl Shared {
    /// What the storage said.
    fn reason(&self) -> &dyn Error {
        self.0.source().unwrap_or(&*self.0)
    }
}

impl fmt::Display for Shared {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}", self.reason())
    }
}

impl Error for Shared {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.0.source().and_then(Error::source)
    }
}

thread_local! {
    static NUMBER: Cell<Option<usize>> = const { Cell::new(None) };
}

/// Tells threads apart, counting from 0.
pub(crate) fn thread_number() -> usize {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    NUMBER.get().unwrap_or_else(|| {
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        NUMBER.set(Some(number));
        number
    })
}
