use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::Duration;

use libtest_mimic::{Failed, Trial};
use tokio::runtime::Builder;

/// Timeout of one trial, including the factory.
const TRIAL_TIMEOUT: Duration = Duration::from_mins(1);

/// Creates a trial for each case of a suite. Each trial has its own subject.
///
/// Only this macro uses the functions of the cases. So the compiler reports a case without a trial as dead code.
macro_rules! trials {
    ($name:ident, $make:ident, |$subject:ident| $convert:expr; $($case:path),+ $(,)?) => {{
        let make = $make;
        vec![$({
            let make = make.clone();
            let make = async move || {
                let $subject = make().await;
                $convert
            };
            $crate::contract::trial::trial(format!("{}::{}", $name, stringify!($case)), make, $case)
        }),+]
    }};
}

pub(super) use trials;

/// Creates a trial that runs one case in a separate thread and runtime.
pub(super) fn trial<S>(
    name: String,
    make: impl AsyncFnOnce() -> S + Send + 'static,
    case: impl AsyncFnOnce(S) + Send + 'static,
) -> Trial {
    let thread_name = name.clone();
    Trial::test(name, move || {
        run_with_timeout(thread_name, TRIAL_TIMEOUT, move || {
            let runtime = Builder::new_multi_thread().worker_threads(2).enable_all().build();
            let runtime = runtime.expect("the runtime must start");
            let result = catch_unwind(AssertUnwindSafe(|| {
                runtime.block_on(async { case(make().await).await });
            }));
            // If the runtime were dropped, the drop would wait for hanging blocking calls.
            runtime.shutdown_background();
            result
        })
    })
}

/// Runs `run` in a new thread. Fails if `run` does not end within `limit`. The thread of `run` then continues
/// until the program ends.
fn run_with_timeout(
    name: String,
    limit: Duration,
    run: impl FnOnce() -> Result<(), Box<dyn Any + Send>> + Send + 'static,
) -> Result<(), Failed> {
    let (sender, receiver) = mpsc::channel();
    thread::Builder::new().name(name).spawn(move || sender.send(run()))?;
    match receiver.recv_timeout(limit) {
        Ok(Ok(())) => Ok(()),
        Ok(Err(panic)) => resume_unwind(panic),
        Err(RecvTimeoutError::Timeout) => {
            Err(format!("timeout: the case did not end within {} seconds", limit.as_secs_f64()).into())
        }
        Err(RecvTimeoutError::Disconnected) => Err("the case ended without a result".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hanging_case_fails_with_message() {
        let hang = || {
            thread::sleep(Duration::from_mins(1));
            Ok(())
        };
        let failed = run_with_timeout("hangs".to_owned(), Duration::from_millis(50), hang).unwrap_err();
        assert_eq!(failed.message(), Some("timeout: the case did not end within 0.05 seconds"));
    }
}
