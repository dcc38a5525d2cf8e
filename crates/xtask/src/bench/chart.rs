//! The results as a picture: how much of what is possible the service does.

use super::results::{Results, Summary};
use super::table::{percent, thousands};

const WIDTH: u32 = 840;
const LEFT: u32 = 170;
const BAR: u32 = 330;
const ROW: u32 = 30;
const TOP: u32 = 64;

/// Colours that can be read on white and on black, chosen by the reader's own setting.
const STYLE: &str = "
  text { font: 14px system-ui, sans-serif; fill: #1f2328; }
  .title { font-size: 16px; font-weight: 600; }
  .quiet { font-size: 12px; fill: #59636e; }
  .limit { fill: #d1d9e0; }
  .icp { fill: #0969da; }
  @media (prefers-color-scheme: dark) {
    text { fill: #f0f6fc; }
    .quiet { fill: #9198a1; }
    .limit { fill: #3d444d; }
    .icp { fill: #4493f8; }
  }
";

pub(super) fn chart(results: &Results) -> String {
    let rows: Vec<_> = results.scenarios.iter().filter_map(row).collect();
    let height = TOP + ROW * u32::try_from(rows.len()).unwrap_or(0) + 34;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" width=\"{WIDTH}\" height=\"{height}\" role=\"img\">
<title>Operations a second, beside the limit of each</title>
<style>{STYLE}</style>
<text class=\"title\" x=\"0\" y=\"20\">Operations a second, beside the limit of each</text>
<text class=\"quiet\" x=\"0\" y=\"42\">Blue: the service. Grey: the same work without it, as PostgreSQL or memory alone can do it.</text>
"
    );
    for (number, row) in rows.iter().enumerate() {
        let y = TOP + ROW * u32::try_from(number).unwrap_or(0);
        svg += &row.at(y);
    }
    let date = results.date.split('T').next().unwrap_or_default();
    let note = format!("{date}, {}", results.machine.line());
    let note =
        format!("<text class=\"quiet\" x=\"0\" y=\"{}\">{}</text>\n</svg>\n", height - 10, escaped(&note));
    svg + &note
}

struct Row {
    name: &'static str,
    part: f64,
    words: String,
}

/// Of those that are compared with something.
fn row(summary: &Summary) -> Option<Row> {
    // The nearer limit says more.
    let (limit, part) = summary.of.iter().max_by(|one, other| one.1.total_cmp(other.1))?;
    let p99 = summary.median.p99_ms.map(|p99| format!(", p99 {p99:.1} ms")).unwrap_or_default();
    let words = format!("{}/s{p99}: {} of {limit}", thousands(summary.median.per_second), percent(*part));
    Some(Row { name: summary.name, part: *part, words })
}

impl Row {
    /// One bar over the other. What does more than its limit, by chance, is as long as it.
    fn at(&self, y: u32) -> String {
        let done = f64::from(BAR) * self.part.clamp(0.0, 1.0);
        let (text, words) = (y + 15, LEFT + BAR + 12);
        format!(
            "<text x=\"0\" y=\"{text}\">{}</text>
<rect class=\"limit\" x=\"{LEFT}\" y=\"{y}\" width=\"{BAR}\" height=\"20\" rx=\"3\"/>
<rect class=\"icp\" x=\"{LEFT}\" y=\"{y}\" width=\"{done:.0}\" height=\"20\" rx=\"3\"/>
<text class=\"quiet\" x=\"{words}\" y=\"{text}\">{}</text>
",
            escaped(self.name),
            escaped(&self.words)
        )
    }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::results::tests::example;

    #[test]
    fn a_bar_is_as_long_as_its_part_of_the_limit() {
        let rows: Vec<_> = example().iter().filter_map(row).collect();
        assert_eq!(rows.len(), 1, "a limit has no bar of its own");
        let svg = rows[0].at(100);
        assert!(svg.contains(r#"<rect class="icp" x="170" y="100" width="165""#), "{svg}");
        assert!(svg.contains(">50/s: 50% of COPY</text>"), "{svg}");
    }

    #[test]
    fn text_is_no_markup() {
        assert_eq!(escaped("a < b & c"), "a &lt; b &amp; c");
    }

    #[test]
    fn nothing_reaches_beyond_the_limit() {
        let row = Row { name: "x", part: 1.2, words: String::new() };
        assert!(row.at(0).contains(r#"width="330" height="20" rx="3"/>"#));
        assert!(!row.at(0).contains("396"));
    }
}
