use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};

use icp_ports::RepositoryError;
use tempfile::TempDir;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};

use super::file;
use crate::connect::Access;
use crate::database::{READ_TIME_LIMIT, WRITE_TIME_LIMIT};
use crate::pool::{MAX_QUEUE_TIME, MAX_QUEUED_JOBS, Pool};

fn pool(threads: usize) -> (Pool, TempDir) {
    let folder = tempfile::tempdir().expect("a folder");
    let pool =
        Pool::start(&file(&folder).into(), Access::Read, threads, READ_TIME_LIMIT).expect("must start");
    (pool, folder)
}

async fn run(pool: &Pool) -> Result<u8, RepositoryError> {
    pool.run(|_| Ok(1)).await
}

/// Occupies a thread until the sender is dropped.
async fn occupy(pool: &Pool) -> mpsc::Sender<()> {
    let (release, released) = mpsc::channel();
    let (start, started) = oneshot::channel();
    let pool = pool.clone();
    tokio::spawn(async move {
        let wait = pool.run(move |_| {
            let _ = start.send(());
            let _ = released.recv();
            Ok(())
        });
        wait.await
    });
    started.await.expect("must start");
    release
}

/// Sends a job and waits until it is in the queue.
async fn queued(pool: &Pool) -> JoinHandle<Result<u8, RepositoryError>> {
    let pool = pool.clone();
    let (queue, queued) = oneshot::channel();
    let task = tokio::spawn(async move {
        let mut job = pin!(run(&pool));
        // The first poll puts it into the queue.
        assert!(timeout(Duration::ZERO, job.as_mut()).await.is_err());
        let _ = queue.send(());
        job.await
    });
    queued.await.expect("must be queued");
    task
}

#[tokio::test]
async fn slow_read_does_not_block_others() {
    let (pool, _folder) = pool(2);
    let _release = occupy(&pool).await;
    for _ in 0..100 {
        let (one, other) = tokio::join!(run(&pool), run(&pool));
        assert_eq!((one.expect("must run"), other.expect("an answer")), (1, 1));
    }
}

#[tokio::test]
async fn full_queue_rejects_job() {
    let (pool, _folder) = pool(1);
    let release = occupy(&pool).await;
    let mut tasks = Vec::new();
    for _ in 0..MAX_QUEUED_JOBS {
        tasks.push(queued(&pool).await);
    }
    assert!(matches!(run(&pool).await, Err(RepositoryError::Overloaded)));
    drop(release);
    for task in tasks {
        assert_eq!(task.await.expect("no panic").expect("must run"), 1);
    }
    assert_eq!(run(&pool).await.expect("must run"), 1);
}

#[tokio::test]
async fn abandoned_job_is_skipped() {
    let (pool, _folder) = pool(1);
    let release = occupy(&pool).await;
    let ran = Arc::new(AtomicBool::new(false));
    let note = Arc::clone(&ran);
    let abandoned = pool.run(move |_| {
        note.store(true, Ordering::SeqCst);
        Ok(())
    });
    assert!(timeout(Duration::ZERO, abandoned).await.is_err());
    drop(release);
    assert_eq!(run(&pool).await.expect("must run"), 1);
    assert!(!ran.load(Ordering::SeqCst));
}

#[tokio::test]
async fn running_job_learns_that_it_is_abandoned() {
    let (pool, _folder) = pool(1);
    let endless = pool.run(|job| {
        while !(job.is_abandoned)() {}
        Ok(())
    });
    assert!(timeout(Duration::from_millis(10), endless).await.is_err());
    assert_eq!(run(&pool).await.expect("must run"), 1);
}

#[tokio::test]
async fn panic_fails_only_its_own_job() {
    let (pool, _folder) = pool(1);
    let release = occupy(&pool).await;
    let panics = pool.run(|_| -> Result<(), _> { panic!("on purpose") });
    let (failed, next, ()) = tokio::join!(panics, run(&pool), async { drop(release) });
    assert!(matches!(failed, Err(RepositoryError::Backend(_))), "{failed:?}");
    assert_eq!(next.expect("must run"), 1);
    assert_eq!(run(&pool).await.expect("must run"), 1);
}

#[tokio::test]
async fn job_does_not_start_late() {
    let (pool, _folder) = pool(1);
    let release = occupy(&pool).await;
    let late = queued(&pool).await;
    sleep(MAX_QUEUE_TIME + Duration::from_millis(100)).await;
    drop(release);
    assert!(matches!(late.await.expect("no panic"), Err(RepositoryError::Unavailable(_))));
}

#[tokio::test]
async fn hanging_job_is_unavailable_in_time() {
    let folder = tempfile::tempdir().expect("a folder");
    let limit = Duration::from_millis(50);
    let pool = Pool::start(&file(&folder).into(), Access::Read, 1, limit).expect("must start");
    let _release = occupy(&pool).await;
    let start = Instant::now();
    assert!(matches!(run(&pool).await, Err(RepositoryError::Unavailable(_))));
    assert!((limit..limit * 10).contains(&start.elapsed()), "{:?}", start.elapsed());
}

#[test]
fn readme_states_time_limits() {
    let readme = include_str!("../../README.md");
    for (what, limit) in [("read", READ_TIME_LIMIT), ("write", WRITE_TIME_LIMIT)] {
        assert!(limit < Duration::from_secs(5), "the limit of the port");
        let text = format!("every {what} within {} s", limit.as_secs_f32());
        assert!(readme.contains(&text), "{text}");
    }
}
