//! Work that would keep a worker thread from its other requests.

use std::num::NonZero;
use std::sync::LazyLock;
use std::thread::available_parallelism;

use icp_ports::BoxError;
use tokio::sync::Semaphore;

/// Longer texts are processed in a thread of their own, in bytes. A worker thread would take milliseconds for them.
const LARGE_TEXT: usize = 32 * 1024;

/// As many at once as there are cores: more would only take threads from the database.
static PERMITS: LazyLock<Semaphore> =
    LazyLock::new(|| Semaphore::new(available_parallelism().map_or(1, NonZero::get)));

/// Does work whose time grows with the length of a text, in bytes.
///
/// # Errors
///
/// If the work panicked or the process is ending.
pub(crate) async fn run_for_text<T: Send + 'static>(
    bytes: usize,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, BoxError> {
    if bytes <= LARGE_TEXT {
        return Ok(work());
    }
    let _permit = PERMITS.acquire().await?;
    tokio::task::spawn_blocking(work).await.map_err(Into::into)
}
