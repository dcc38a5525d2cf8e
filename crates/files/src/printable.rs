use std::borrow::Cow;

/// Escapes the characters that change how a terminal shows other text: control characters, marks of the direction of
/// writing, and Unicode's separators of lines and paragraphs.
///
/// ```
/// use icp_files::printable;
///
/// assert_eq!(printable("\u{1b}[2JÄ\u{202e}\n"), r"\u{1b}[2JÄ\u{202e}\n");
/// ```
pub fn printable(text: &str) -> Cow<'_, str> {
    if !text.contains(changes_display) {
        return Cow::Borrowed(text);
    }
    let escape = |character: char| {
        let escaped = changes_display(character).then(|| character.escape_default());
        let plain = escaped.is_none().then_some(character);
        escaped.into_iter().flatten().chain(plain)
    };
    text.chars().flat_map(escape).collect()
}

/// Returns true for control characters, for characters with Unicode's property `Bidi_Control`, and for Unicode's
/// separators of lines and paragraphs.
fn changes_display(character: char) -> bool {
    let changes_layout = matches!(character, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    character.is_control() || changes_layout
}
