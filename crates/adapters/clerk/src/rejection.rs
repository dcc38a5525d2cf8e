//! The reasons of refused credentials, and their log lines.

use std::collections::HashMap;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Mutex, PoisonError};

use icp_ports::{AuthenticationError, RejectReason};

/// Minimum time between two log lines for the same reason, in milliseconds.
const LOG_INTERVAL_MS: i64 = 60_000;
/// Maximum length of an example in the log. The limit ensures that no complete token is logged.
const MAX_EXAMPLE_LENGTH: usize = 80;

/// The reason why a request could not be authenticated.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Rejection {
    /// The credentials are refused. The text is a value of the token that helps to find the cause, such as an unknown
    /// `kid` or a wrong issuer.
    Refused(RejectReason, Option<String>),
    InsufficientScope,
    KeysUnavailable,
}

pub(crate) const MALFORMED_TOKEN: Rejection = Rejection::of("malformed_token");

impl Rejection {
    /// Returns a rejection without an example.
    pub(crate) const fn of(reason: RejectReason) -> Self {
        Self::Refused(reason, None)
    }
}

/// Fails with `reason` if a condition is not met.
pub(crate) fn require(is_met: bool, reason: RejectReason) -> Result<(), Rejection> {
    if is_met { Ok(()) } else { Err(Rejection::of(reason)) }
}

impl From<Rejection> for AuthenticationError {
    fn from(rejection: Rejection) -> Self {
        match rejection {
            Rejection::Refused(reason, _) => Self::Unauthenticated(reason),
            Rejection::InsufficientScope => Self::InsufficientScope,
            Rejection::KeysUnavailable => Self::Unavailable("no key set to verify the token with".into()),
        }
    }
}

/// Logs how often credentials were refused ([`Rejection::Refused`]), and the reasons. So that clients cannot flood the
/// log, each reason is logged at most once per minute. The first refusal is logged immediately. The number of later
/// refusals is logged with the first request after a minute.
#[derive(Default)]
pub(crate) struct RejectionLog {
    reasons: Mutex<HashMap<RejectReason, LogLine>>,
    next_line_ms: AtomicI64,
}

/// The next log line for a reason.
#[derive(Default)]
struct LogLine {
    due_ms: i64,
    count: u64,
    example: Option<String>,
}

impl RejectionLog {
    /// Counts `rejection` if it is [`Rejection::Refused`], and writes the log lines that are due. `None` means that the
    /// credentials were accepted.
    pub(crate) fn record(&self, rejection: Option<&Rejection>, now_ms: i64) {
        if rejection.is_some() || self.next_line_ms.load(Ordering::Relaxed) <= now_ms {
            for (reason, LogLine { count, example, .. }) in self.due_lines(rejection, now_ms) {
                tracing::info!(reason, count, example, "refused sign-ins");
            }
        }
    }

    fn due_lines(&self, rejection: Option<&Rejection>, now_ms: i64) -> Vec<(RejectReason, LogLine)> {
        let mut reasons = self.reasons.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(Rejection::Refused(reason, example)) = rejection {
            let line = reasons.entry(reason).or_default();
            line.count += 1;
            line.example = example.as_deref().map(clean).or(line.example.take());
        }
        let (mut lines, mut next_line_ms) = (Vec::new(), i64::MAX);
        for (reason, line) in reasons.iter_mut().filter(|(_, line)| line.count > 0) {
            // If the clock was set back, `due_ms` can be far in the future. The line is then written now.
            if line.due_ms <= now_ms || line.due_ms > now_ms + LOG_INTERVAL_MS {
                let next = LogLine { due_ms: now_ms + LOG_INTERVAL_MS, ..LogLine::default() };
                lines.push((*reason, std::mem::replace(line, next)));
            } else {
                next_line_ms = next_line_ms.min(line.due_ms);
            }
        }
        self.next_line_ms.store(next_line_ms, Ordering::Relaxed);
        lines
    }
}

/// Returns the text as one line of printable ASCII, cut to a safe length.
fn clean(text: &str) -> String {
    let clean = |character: char| if (' '..='~').contains(&character) { character } else { '?' };
    text.chars().take(MAX_EXAMPLE_LENGTH).map(clean).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn due_counts(log: &RejectionLog, reason: Option<RejectReason>, now_ms: i64) -> Vec<(RejectReason, u64)> {
        let rejection = reason.map(Rejection::of);
        let mut lines: Vec<_> = log
            .due_lines(rejection.as_ref(), now_ms)
            .into_iter()
            .map(|(reason, line)| (reason, line.count))
            .collect();
        lines.sort_unstable();
        lines
    }

    #[test]
    fn each_reason_is_logged_once_per_minute() {
        let log = RejectionLog::default();
        let (expired, unknown_key) = (Some("expired"), Some("unknown_key"));
        assert_eq!(due_counts(&log, expired, 0), [("expired", 1)]);
        assert_eq!(due_counts(&log, unknown_key, 1), [("unknown_key", 1)]);
        for now in 2..100 {
            assert_eq!(due_counts(&log, expired, now), []);
        }
        assert_eq!(log.next_line_ms.load(Ordering::Relaxed), 60_000);
        assert_eq!(due_counts(&log, expired, 59_999), []);
        assert_eq!(due_counts(&log, None, 60_000), [("expired", 99)]);
        assert_eq!(log.next_line_ms.load(Ordering::Relaxed), i64::MAX);
        assert_eq!(due_counts(&log, unknown_key, 60_001), [("unknown_key", 1)]);
        assert_eq!(due_counts(&log, expired, 60_001), []);
        assert_eq!(
            due_counts(&log, expired, 5),
            [("expired", 2)],
            "the line must be written after the clock was set back"
        );
    }

    #[test]
    fn example_is_clean_and_short() {
        assert_eq!(clean("ins_1 of 2"), "ins_1 of 2");
        assert_eq!(clean("a\nb\u{1b}[31m\u{202e}\"é"), "a?b?[31m?\"?");
        assert_eq!(clean(&"é".repeat(1_000)), "?".repeat(MAX_EXAMPLE_LENGTH));
    }
}
