//! Case folding, white space, and text for terminals.

use std::borrow::Cow;

/// Folds the case of a name, by Unicode simple case folding: statuses C and S of `CaseFolding.txt`.
///
/// Names are compared, searched and sorted by their folded form. Folding maps every character for itself, so a part of a
/// name folds to a part of the folded name. `str::to_lowercase` does not: the final sigma of `ΟΔΟΣ` depends on what follows.
///
/// ```
/// use icp_domain::fold_name;
///
/// assert!(fold_name("ΟΔΟΣΗΜΑ").contains(&fold_name("ΟΔΟΣ")));
/// assert_eq!(fold_name("Straße"), "straße", "full case folding would be `strasse`");
/// ```
pub fn fold_name(name: &str) -> String {
    if name.is_ascii() { name.to_ascii_lowercase() } else { name.chars().map(fold).collect() }
}

fn fold(character: char) -> char {
    let folded = unicode_case_mapping::case_folded(character);
    folded.and_then(|folded| char::from_u32(folded.get())).unwrap_or(character)
}

/// Escapes the characters that change how a terminal shows the text around them: controls, and those that reverse the direction
/// of writing.
///
/// ```
/// use icp_domain::printable;
///
/// assert_eq!(printable("\u{1b}[2JÄ\u{202e}\n"), r"\u{1b}[2JÄ\u{202e}\n");
/// ```
pub fn printable(text: &str) -> Cow<'_, str> {
    if !text.contains(is_deceptive) {
        return Cow::Borrowed(text);
    }
    let escape = |character: char| {
        let escaped = is_deceptive(character).then(|| character.escape_default());
        let plain = escaped.is_none().then_some(character);
        escaped.into_iter().flatten().chain(plain)
    };
    text.chars().flat_map(escape).collect()
}

/// Unicode's `Bidi_Control`, and its separators of lines and paragraphs.
fn is_deceptive(character: char) -> bool {
    let is_directional = matches!(character, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    character.is_control() || is_directional
}

/// Returns true for what Unicode or ECMAScript regards as white space. They differ in U+0085 and U+FEFF.
pub(crate) fn is_white_space(character: char) -> bool {
    character.is_whitespace() || character == '\u{feff}'
}

/// A pattern of one character that is not white space.
pub(crate) const VISIBLE: &str = r"[^\s\u0085\ufeff]";
