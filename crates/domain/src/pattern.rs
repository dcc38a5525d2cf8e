//! Validation of ECMAScript regular expressions.

use crate::limits;

/// Returns the number of characters that a pattern counts as in [`limits::REGEXES`]. A pattern that contains the
/// literal text `(?i`, as in `\(?i`, counts like a pattern that ignores case.
pub(crate) fn cost(pattern: &str) -> usize {
    let ignores_case =
        pattern.split("(?").skip(1).any(|rest| rest.trim_start_matches(['m', 's']).starts_with('i'));
    let classes = if ignores_case { pattern.matches(['[', '\\']).count() } else { 0 };
    pattern.chars().count() + classes * limits::REGEX_CLASS
}

/// Returns true if the text is an ECMAScript regular expression without flags.
pub(crate) fn is_valid(pattern: &str) -> bool {
    regress::Regex::new(pattern).is_ok() && !quantifies_boundary(pattern)
}

/// Returns true if a quantifier follows `\b` or `\B`. ECMAScript forbids such quantifiers, but `regress` accepts them.
/// `regress` itself refuses quantifiers after `^`, `$` and lookbehinds.
fn quantifies_boundary(pattern: &str) -> bool {
    let mut rest = pattern.chars();
    let mut is_in_class = false;
    while let Some(character) = rest.next() {
        match character {
            '[' => is_in_class = true,
            ']' => is_in_class = false,
            '\\' => {
                let is_boundary = matches!(rest.next(), Some('b' | 'B')) && !is_in_class;
                if is_boundary && starts_with_quantifier(rest.as_str()) {
                    return true;
                }
            }
            _ => {}
        }
    }
    false
}

fn starts_with_quantifier(rest: &str) -> bool {
    let Some(braced) = rest.strip_prefix('{') else { return rest.starts_with(['*', '+', '?']) };
    // Braces that are not a quantifier are literals.
    let Some((counts, _)) = braced.split_once('}') else { return false };
    let (min, max) = counts.split_once(',').unwrap_or((counts, ""));
    let is_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    !min.is_empty() && is_digits(min) && is_digits(max)
}
