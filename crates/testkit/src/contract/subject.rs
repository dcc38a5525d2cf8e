use std::fmt;
use std::sync::Arc;

/// The adapter that a suite tests, on an empty storage.
pub struct Subject<T> {
    pub(super) first: Arc<T>,
    pub(super) second: Arc<T>,
    pub(super) resources: Arc<dyn Send + Sync>,
}

impl<T> Subject<T> {
    /// Creates a subject from an adapter.
    pub fn new(adapter: T) -> Self {
        let adapter = Arc::new(adapter);
        Self { second: Arc::clone(&adapter), first: adapter, resources: Arc::new(()) }
    }

    /// Adds a second instance of the adapter on the same storage, which behaves like another process. The suite sends
    /// a part of the calls through the second instance. Without a second instance, it sends all calls through the
    /// first instance.
    #[must_use]
    pub fn with_second_instance(self, adapter: T) -> Self {
        Self { second: Arc::new(adapter), ..self }
    }

    /// Keeps a value, such as the folder of the storage, until the test case ends.
    #[must_use]
    pub fn keeping(self, value: impl Send + Sync + 'static) -> Self {
        Self { resources: Arc::new((self.resources, value)), ..self }
    }
}

impl<T> fmt::Debug for Subject<T> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Subject").finish_non_exhaustive()
    }
}
