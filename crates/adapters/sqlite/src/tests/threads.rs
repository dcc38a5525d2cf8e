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
use crate::database::{READ_TIMEOUT, WRITE_TIMEOUT};
use crate::pool::{MAX_QUEUE_TIME, MAX_QUEUED_JOBS, Pool};

fn start_pool(threads: usize) -> (Pool, TempDir) {
    let folder = tempfile::tempdir().expect("the temporary folder must be created");
    let pool = Pool::start(&file(&folder).into(), Access::Read, threads, READ_TIMEOUT)
        .expect("the threads must start");
    (pool, folder)
}

/// Runs a job that returns 1.
async fn run_job(pool: &Pool) -> Result<u8, RepositoryError> {
    pool.run(|_| Ok(1)).await
}

/// Occupies a thread until the sender is dropped.
async fn occupy_thread(pool: &Pool) -> mpsc::Sender<()> {
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
    started.await.expect("the job must start");
    release
}

/// Sends a job, and waits until it is in the queue.
async fn queue_job(pool: &Pool) -> JoinHandle<Result<u8, RepositoryError>> {
    let pool = pool.clone();
    let (queue, queued) = oneshot::channel();
    let task = tokio::spawn(async move {
        let mut job = pin!(run_job(&pool));
        // The first poll of the future puts the job into the queue.
        assert!(timeout(Duration::ZERO, job.as_mut()).await.is_err(), "the job must wait in the queue");
        let _ = queue.send(());
        job.await
    });
    queued.await.expect("the job must be queued");
    task
}

#[tokio::test]
async fn slow_job_does_not_block_other_jobs() {
    let (pool, _folder) = start_pool(2);
    let _release = occupy_thread(&pool).await;
    for _ in 0..100 {
        let (first, second) = tokio::join!(run_job(&pool), run_job(&pool));
        assert_eq!((first.expect("the job must succeed"), second.expect("the job must succeed")), (1, 1));
    }
}

#[tokio::test]
async fn full_queue_rejects_job() {
    let (pool, _folder) = start_pool(1);
    let release = occupy_thread(&pool).await;
    let mut tasks = Vec::new();
    for _ in 0..MAX_QUEUED_JOBS {
        tasks.push(queue_job(&pool).await);
    }
    let rejected = run_job(&pool).await;
    assert!(matches!(rejected, Err(RepositoryError::Overloaded)), "{rejected:?}");
    drop(release);
    for task in tasks {
        assert_eq!(task.await.expect("the task must not panic").expect("the job must succeed"), 1);
    }
    assert_eq!(run_job(&pool).await.expect("the job must succeed"), 1);
}

#[tokio::test]
async fn abandoned_job_is_skipped() {
    let (pool, _folder) = start_pool(1);
    let release = occupy_thread(&pool).await;
    let has_run = Arc::new(AtomicBool::new(false));
    let has_run_in_job = Arc::clone(&has_run);
    let abandoned = pool.run(move |_| {
        has_run_in_job.store(true, Ordering::SeqCst);
        Ok(())
    });
    assert!(timeout(Duration::ZERO, abandoned).await.is_err(), "the job must wait in the queue");
    drop(release);
    assert_eq!(run_job(&pool).await.expect("the job must succeed"), 1);
    assert!(!has_run.load(Ordering::SeqCst), "an abandoned job must not run");
}

#[tokio::test]
async fn running_job_can_detect_that_it_is_abandoned() {
    let (pool, _folder) = start_pool(1);
    let endless = pool.run(|job| {
        while !(job.is_abandoned)() {}
        Ok(())
    });
    assert!(timeout(Duration::from_millis(10), endless).await.is_err());
    assert_eq!(run_job(&pool).await.expect("the job must succeed"), 1);
}

#[tokio::test]
async fn panic_fails_only_the_panicking_job() {
    let (pool, _folder) = start_pool(1);
    let release = occupy_thread(&pool).await;
    let panicking = pool.run(|_| -> Result<(), _> { panic!("this job panics on purpose") });
    let (failed, next, ()) = tokio::join!(panicking, run_job(&pool), async { drop(release) });
    assert!(matches!(failed, Err(RepositoryError::Backend(_))), "{failed:?}");
    assert_eq!(next.expect("the job must succeed"), 1);
    assert_eq!(run_job(&pool).await.expect("the job must succeed"), 1);
}

#[tokio::test]
async fn job_does_not_start_after_maximum_queue_time() {
    let (pool, _folder) = start_pool(1);
    let release = occupy_thread(&pool).await;
    let queued_job = queue_job(&pool).await;
    sleep(MAX_QUEUE_TIME + Duration::from_millis(100)).await;
    drop(release);
    assert!(matches!(
        queued_job.await.expect("the task must not panic"),
        Err(RepositoryError::Unavailable(_))
    ));
}

#[tokio::test]
async fn caller_of_hanging_job_gets_timeout_error() {
    let folder = tempfile::tempdir().expect("the temporary folder must be created");
    let limit = Duration::from_millis(50);
    let pool = Pool::start(&file(&folder).into(), Access::Read, 1, limit).expect("the threads must start");
    let _release = occupy_thread(&pool).await;
    let start = Instant::now();
    let result = run_job(&pool).await;
    assert!(matches!(result, Err(RepositoryError::Unavailable(_))), "{result:?}");
    let elapsed = start.elapsed();
    assert!((limit..limit * 10).contains(&elapsed), "must fail soon after {limit:?}, not after {elapsed:?}");
}

#[test]
fn readme_contains_timeouts() {
    let readme = include_str!("../../README.md");
    for (operation, limit) in [("read", READ_TIMEOUT), ("write", WRITE_TIMEOUT)] {
        assert!(limit < Duration::from_secs(5), "the port requires a timeout below 5 s");
        let text = format!("every {operation} within {} s", limit.as_secs_f32());
        assert!(readme.contains(&text), "{text}");
    }
}
