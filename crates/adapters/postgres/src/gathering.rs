//! Reads of many users, gathered into few statements.
//!
//! What a short list costs is less its rows than the statement around them: to send it, to wake PostgreSQL, to begin and
//! end it, and to be woken by the answer. So reads that are alike and wait at the same time share a statement, and those that
//! are for the same share its answer. None waits for company: whoever comes when nothing is under way is asked at once, and
//! those who come meanwhile go together next. As no read joins a statement that has begun, each finds what the database holds
//! after it was asked.

use std::cell::Cell;
use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use icp_ports::RepositoryError;
use tokio::sync::oneshot;
use tokio::time::timeout;

use crate::connections::Connections;
use crate::error::timed_out;
use crate::pace::{Asked, Pace};
use crate::shared_error::copy;

/// Something that is looked up for several who ask at the same time.
pub(crate) trait Gathered: Send + Sync + 'static {
    /// What is looked up. Those who ask for the same get the same answer.
    type Question: Clone + Eq + Send + Sync + 'static;
    /// What is found for each.
    type Answer: Clone + Send + 'static;
    /// How many questions a statement holds.
    const COMPANY: usize;

    /// Looks it up: one answer for each question, in their order.
    fn ask(
        connections: &Connections,
        questions: &[&Self::Question],
    ) -> impl Future<Output = Result<Vec<Self::Answer>, RepositoryError>> + Send;
}

/// Gathers reads of one kind.
pub(crate) struct Gathering<G: Gathered>(Box<[Arc<Queue<G>>]>);

struct Queue<G: Gathered> {
    state: Mutex<State<G>>,
    pace: Arc<Pace>,
    /// How many statements may be under way at once.
    most: usize,
}

struct State<G: Gathered> {
    waiting: VecDeque<Waiting<G>>,
    /// How many have been taken from the queue so far.
    taken: u64,
    /// Statements that are under way.
    statements: usize,
}

/// A question, and all who ask it.
struct Waiting<G: Gathered> {
    question: G::Question,
    replies: Vec<Reply<G::Answer>>,
}

type Reply<A> = oneshot::Sender<Result<A, RepositoryError>>;

/// A place in a queue.
struct Place<G: Gathered> {
    number: u64,
    answer: oneshot::Receiver<Result<G::Answer, RepositoryError>>,
    /// What has to be started for it, when nothing is under way.
    to_start: Option<UnderWay<G>>,
}

impl<G: Gathered> Gathering<G> {
    /// For statements that are soon through: each thread has a queue of its own and one statement under way, so that an answer
    /// needs to wake no other thread.
    pub(crate) fn on_each_thread(threads: usize) -> Self {
        Self((0..threads.max(1)).map(|_| Arc::new(Queue::new(1))).collect())
    }

    /// For statements that take long: so many are under way at once, whoever asked.
    pub(crate) fn with_statements(most: usize) -> Self {
        Self([Arc::new(Queue::new(most.max(1)))].into())
    }

    /// Looks something up, in company if there is any, within the time of a read that began then.
    pub(crate) async fn ask(
        &self,
        connections: &Arc<Connections>,
        began: Instant,
        question: &G::Question,
    ) -> Result<G::Answer, RepositoryError> {
        match self.ask_once(connections, began, question).await {
            Some(answer) => answer,
            None => self.ask_once(connections, began, question).await.unwrap_or_else(|| {
                Err(RepositoryError::Unavailable("the threads that asked have ended".into()))
            }),
        }
    }

    /// `None` when the thread that asked ended before the answer came.
    async fn ask_once(
        &self,
        connections: &Arc<Connections>,
        began: Instant,
        question: &G::Question,
    ) -> Option<Result<G::Answer, RepositoryError>> {
        let queue = self.0.get(thread_number() % self.0.len())?;
        let limit = connections.limit().saturating_sub(began.elapsed());
        let acquire = connections.acquire_limit().min(limit);
        let (wait, _asked) = Asked::on(&queue.pace, queue.most);
        if wait > acquire {
            return Some(Err(RepositoryError::Overloaded));
        }
        let Place { number, mut answer, to_start } = queue.join(question);
        if let Some(under_way) = to_start {
            // A task of its own: whoever asked first may hang up.
            tokio::spawn(under_way.serve(Arc::clone(connections)));
        }
        match timeout(acquire, &mut answer).await {
            Ok(answered) => answered.ok(),
            Err(_) if queue.is_waiting(number) => Some(Err(queue.pace.refusal())),
            Err(_) => match timeout(limit.saturating_sub(acquire), answer).await {
                Ok(answered) => answered.ok(),
                Err(_) => Some(Err(timed_out(connections.limit()))),
            },
        }
    }
}

impl<G: Gathered> Queue<G> {
    fn new(most: usize) -> Self {
        let state = State { waiting: VecDeque::new(), taken: 0, statements: 0 };
        Self { state: Mutex::new(state), pace: Arc::new(Pace::new()), most }
    }

    fn state(&self) -> MutexGuard<'_, State<G>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn join(self: &Arc<Self>, question: &G::Question) -> Place<G> {
        let (reply, answer) = oneshot::channel();
        let mut state = self.state();
        let same = state.waiting.iter().position(|waiting| waiting.question == *question);
        let index = same.unwrap_or(state.waiting.len());
        let number = state.taken + index as u64;
        match state.waiting.get_mut(index) {
            Some(waiting) => waiting.replies.push(reply),
            None => {
                state.waiting.push_back(Waiting { question: question.clone(), replies: vec![reply] });
            }
        }
        let to_start = (same.is_none() && state.statements < self.most).then(|| {
            state.statements += 1;
            UnderWay { queue: Arc::clone(self), done: false }
        });
        Place { number, answer, to_start }
    }

    fn is_waiting(&self, number: u64) -> bool {
        number >= self.state().taken
    }

    /// The next ones, without those who have hung up. When there are none, nothing is under way any more: that is settled
    /// before anybody else can join, who would wait for it.
    fn next(&self) -> Option<Vec<Waiting<G>>> {
        let mut state = self.state();
        let mut company = Vec::with_capacity(state.waiting.len().min(G::COMPANY));
        while company.len() < G::COMPANY
            && let Some(mut waiting) = state.waiting.pop_front()
        {
            state.taken += 1;
            waiting.replies.retain(|reply| !reply.is_closed());
            if !waiting.replies.is_empty() {
                company.push(waiting);
            }
        }
        if company.is_empty() {
            state.statements -= 1;
            return None;
        }
        Some(company)
    }
}

/// Asks for those who wait, for as long as there are any.
struct UnderWay<G: Gathered> {
    queue: Arc<Queue<G>>,
    done: bool,
}

impl<G: Gathered> UnderWay<G> {
    async fn serve(mut self, connections: Arc<Connections>) {
        while let Some(company) = self.queue.next() {
            self.answer(&connections, company).await;
        }
        self.done = true;
    }

    async fn answer(&self, connections: &Connections, company: Vec<Waiting<G>>) {
        let questions: Vec<_> = company.iter().map(|waiting| &waiting.question).collect();
        let asked = Instant::now();
        match G::ask(connections, &questions).await {
            Ok(answers) => {
                let count = company.iter().map(|waiting| waiting.replies.len()).sum();
                self.queue.pace.answered_many(asked, count);
                for (waiting, answer) in company.into_iter().zip(answers) {
                    waiting.answer(&answer);
                }
            }
            Err(RepositoryError::Backend(error)) if company.len() > 1 => {
                tracing::debug!(%error, "asking for each alone: what one has must not fail the others");
                for waiting in company {
                    let alone = G::ask(connections, &[&waiting.question]).await;
                    match alone.map(|answers| answers.into_iter().next()) {
                        Ok(Some(answer)) => waiting.answer(&answer),
                        Ok(None) => waiting.fail(no_answer()),
                        Err(error) => waiting.fail(error),
                    }
                }
            }
            Err(error) => {
                let shared = Arc::new(error);
                for waiting in company {
                    waiting.fail(copy(&shared));
                }
            }
        }
    }
}

impl<G: Gathered> Waiting<G> {
    /// Whoever has hung up meanwhile needs none.
    fn answer(self, answer: &G::Answer) {
        for reply in self.replies {
            let _ = reply.send(Ok(answer.clone()));
        }
    }

    fn fail(self, error: RepositoryError) {
        let shared = Arc::new(error);
        for reply in self.replies {
            let _ = reply.send(Err(copy(&shared)));
        }
    }
}

/// It may be cut short, by the end of its thread: nobody must wait for it then.
impl<G: Gathered> Drop for UnderWay<G> {
    fn drop(&mut self) {
        if self.done {
            return;
        }
        let mut state = self.queue.state();
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

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use icp_ports::RepositoryError;
    use tokio::sync::oneshot::error::TryRecvError;

    use super::{Gathered, Place, Queue};
    use crate::connections::Connections;
    use crate::{PostgresDatabase, PostgresSettings};

    const COMPANY: usize = Fussy::COMPANY;

    fn queue() -> Arc<Queue<Fussy>> {
        Arc::new(Queue::new(1))
    }

    #[test]
    fn who_comes_meanwhile_goes_with_the_next() {
        let queue = queue();
        let first = queue.join(&"user_ada");
        assert_eq!(queue.next().map(|company| company.len()), Some(1), "it waits for no company");
        let names = ["b", "c", "d", "e", "f", "g", "h", "i", "j"];
        let others: Vec<_> = names.iter().map(|name| queue.join(name)).collect();
        assert!(first.to_start.is_some() && others.iter().all(|place| place.to_start.is_none()));
        assert!(!queue.is_waiting(first.number) && others.iter().all(|place| queue.is_waiting(place.number)));
        let lengths = [(); 2].map(|()| queue.next().map(|company| company.len()));
        assert_eq!(lengths, [Some(COMPANY), Some(1)]);
    }

    #[test]
    fn who_comes_when_the_last_has_just_been_answered_is_asked_anew() {
        let queue = queue();
        let first = queue.join(&"user_ada");
        drop(queue.next());
        assert!(queue.next().is_none());
        // What was under way is still held, as when another thread comes at that moment.
        let next = queue.join(&"user_bob");
        assert!(next.to_start.is_some());
        let under_way = first.to_start.map(|mut under_way| {
            under_way.done = true;
            under_way
        });
        drop(under_way);
        assert!(queue.is_waiting(next.number), "it was not thrown out");
    }

    /// Counts who is asked for together, and fails for one of them.
    struct Fussy;

    impl Gathered for Fussy {
        type Question = &'static str;
        type Answer = usize;
        const COMPANY: usize = 8;

        async fn ask(_: &Connections, members: &[&&'static str]) -> Result<Vec<usize>, RepositoryError> {
            if members.contains(&&"user_broken") {
                return Err(RepositoryError::Backend("it is broken".into()));
            }
            Ok(vec![members.len(); members.len()])
        }
    }

    #[tokio::test]
    async fn what_one_has_does_not_fail_the_others() {
        let server = icp_testkit::postgres::shared().database();
        let database = PostgresDatabase::new(&PostgresSettings::new(server.url())).expect("a URL");
        let queue = queue();
        let [ada, broken, bob] = ["user_ada", "user_broken", "user_bob"].map(|member| queue.join(&member));
        ada.to_start.expect("nothing is under way").serve(Arc::clone(&database.connections)).await;
        assert_eq!(ada.answer.await.expect("an answer").ok(), Some(1));
        assert!(matches!(broken.answer.await, Ok(Err(RepositoryError::Backend(_)))));
        assert_eq!(bob.answer.await.expect("an answer").ok(), Some(1));
    }

    #[tokio::test]
    async fn those_who_ask_for_the_same_share_its_answer_unless_it_is_under_way() {
        let server = icp_testkit::postgres::shared().database();
        let database = PostgresDatabase::new(&PostgresSettings::new(server.url())).expect("a URL");
        let queue = queue();
        let [first, other, last] = ["user_ada"; 3].map(|member| queue.join(&member));
        let bob = queue.join(&"user_bob");
        let company = queue.next().expect("somebody waits");
        assert_eq!(company.iter().map(|waiting| waiting.replies.len()).collect::<Vec<_>>(), [3, 1]);
        let late = queue.join(&"user_ada");
        assert!(
            queue.is_waiting(late.number) && !queue.is_waiting(last.number),
            "what it asked for is under way"
        );
        let under_way = first.to_start.expect("nothing is under way");
        under_way.answer(&database.connections, company).await;
        for answer in [first.answer, other.answer, last.answer, bob.answer] {
            assert_eq!(
                answer.await.expect("an answer").ok(),
                Some(2),
                "they were asked for in one statement"
            );
        }
    }

    #[test]
    fn who_has_hung_up_is_not_asked_for() {
        let queue = queue();
        let kept = queue.join(&"user_ada");
        drop(queue.join(&"user_bob").answer);
        let members =
            queue.next().map(|company| company.into_iter().map(|waiting| waiting.question).collect());
        assert_eq!(members, Some(vec!["user_ada"]));
        assert!(kept.to_start.is_some());
    }

    #[test]
    fn nobody_waits_for_what_was_cut_short() {
        let queue = queue();
        let Place { mut answer, to_start, .. } = queue.join(&"user_ada");
        drop(to_start);
        assert_eq!(answer.try_recv().err(), Some(TryRecvError::Closed));
        assert!(queue.join(&"user_ada").to_start.is_some(), "and who comes next is asked for");
    }
}
