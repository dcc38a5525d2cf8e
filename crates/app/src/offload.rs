//! Work that would keep a worker from its other requests.

use std::num::NonZero;
use std::sync::LazyLock;
use std::thread::available_parallelism;

use icp_ports::BoxError;
use tokio::sync::Semaphore;

/// Texts that are longer are worked on in a thread of their own: a worker takes milliseconds for them, and more where they
/// are hostile.
const LARGE: usize = 32 * 1024;

/// As many at once as there are cores: more would only keep threads from databases.
static TURNS: LazyLock<Semaphore> =
    LazyLock::new(|| Semaphore::new(available_parallelism().map_or(1, NonZero::get)));

/// Does what takes time in proportion to a text of so many bytes.
///
/// # Errors
///
/// When the thread panicked, or the service is ending.
pub(crate) async fn for_text<T: Send + 'static>(
    bytes: usize,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, BoxError> {
    if bytes <= LARGE {
        return Ok(work());
    }
    let _turn = TURNS.acquire().await?;
    tokio::task::spawn_blocking(work).await.map_err(Into::into)
}
