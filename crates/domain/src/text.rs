//! Case folding and white space.

/// Folds the case of a name, by Unicode simple case folding: statuses C and S of `CaseFolding.txt`.
///
/// Names are compared, searched and sorted by their folded form. Folding maps each character independently, so a part
/// of a name folds to a part of the folded name. `str::to_lowercase` depends on the context: it maps the sigma to `ς`
/// in `ΟΔΟΣ`, and to `σ` in `ΟΔΟΣΗΜΑ`.
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

/// Returns true for white space of Unicode or ECMAScript. They differ in U+0085 and U+FEFF.
pub(crate) fn is_white_space(character: char) -> bool {
    character.is_whitespace() || character == '\u{feff}'
}

/// A pattern of one character that is not white space.
#[cfg_attr(not(feature = "openapi"), allow(unreachable_pub, reason = "the schemas export it"))]
pub const VISIBLE: &str = r"[^\s\u0085\ufeff]";
