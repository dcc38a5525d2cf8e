//! Draws the results as a chart: bars for the scenarios, and marks for their baselines.

use std::fmt::Write as _;

use anyhow::{Context, Result};

use super::results::{Summary, thousands};

/// The bars of the chart in the README: a label, and the name of a scenario.
const ROWS: [(&str, &str); 5] = [
    ("List of 5 ICPs", "small"),
    ("Same, cache off", "small, no cache"),
    ("One ICP", "get"),
    ("Create", "create"),
    ("Change", "patch"),
];
/// The first word of a baseline's name, which is also its CSS class; the text and the position of its legend.
const BASELINE_MARKS: [(&str, &str, f64); 3] = [
    ("memory", "same bytes from memory", 0.0),
    ("pgbench", "bare SQL in pgbench", 200.0),
    ("peer", "axum and sqlx", 380.0),
];
/// The colours are legible on white and on black. Each kind of mark has a different dash pattern.
const STYLE: &str = include_str!("chart.css");
const WIDTH: f64 = 860.0;
const PLOT_LEFT: f64 = 140.0;
const PLOT_WIDTH: f64 = 640.0;
const PLOT_TOP: f64 = 84.0;
const ROW_HEIGHT: f64 = 36.0;

/// Returns the chart. `notes` are the lines below the axis. Fails if a row was not measured.
pub(super) fn svg(summaries: &[Summary], notes: &[&str]) -> Result<String> {
    let find = |name: &str| summaries.iter().find(|summary| summary.name == name);
    let row = |(label, name): &(&'static str, &str)| {
        let summary = find(name).with_context(|| format!("the chart needs the scenario {name}"))?;
        let marks =
            summary.ratios.iter().filter_map(|(name, _)| Some((*name, find(name)?.median.per_second())));
        Ok((*label, summary.median.per_second(), marks.collect::<Vec<_>>()))
    };
    let rows = ROWS.iter().map(row).collect::<Result<Vec<_>>>()?;
    let marks = rows.iter().flat_map(|(_, _, marks)| marks.iter().map(|(_, rate)| *rate));
    let step = tick_distance(rows.iter().map(|(_, rate, _)| *rate).chain(marks).fold(1.0, f64::max));
    let x = |rate: f64| PLOT_LEFT + PLOT_WIDTH * rate / (step * 5.0);
    let bottom = rows.iter().fold(PLOT_TOP, |y, _| y + ROW_HEIGHT);
    let height = notes.iter().fold(bottom + 30.0, |y, _| y + 18.0);
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" width=\"{WIDTH}\" height=\"{height}\" role=\"img\">
<title>Requests a second</title>\n<style>\n{STYLE}</style>\n"
    );
    text(&mut svg, "title", 0.0, 20.0, "Requests per second of the service and of the baselines")?;
    for (class, legend, x) in BASELINE_MARKS {
        line(&mut svg, &format!("mark {class}"), PLOT_LEFT + x, 36.0, 60.0)?;
        text(&mut svg, "quiet", PLOT_LEFT + x + 8.0, 52.0, legend)?;
    }
    for tick in 0..=5 {
        let rate = step * f64::from(tick);
        line(&mut svg, "grid", x(rate), PLOT_TOP - 8.0, bottom)?;
        text(&mut svg, "quiet middle", x(rate), bottom + 16.0, &thousands(rate))?;
    }
    let mut y = PLOT_TOP;
    for (label, rate, marks) in &rows {
        let width = x(*rate) - PLOT_LEFT;
        text(&mut svg, "end", PLOT_LEFT - 10.0, y + 14.0, label)?;
        let place = format!("x=\"{PLOT_LEFT}\" y=\"{y}\" width=\"{width:.1}\" height=\"18\"");
        writeln!(svg, "<rect class=\"bar\" {place}/>")?;
        text(&mut svg, "end", WIDTH, y + 14.0, &thousands(*rate))?;
        for (baseline, rate) in marks {
            let class = baseline.split(' ').next().unwrap_or_default();
            line(&mut svg, &format!("mark {class}"), x(*rate), y - 4.0, y + 22.0)?;
        }
        y += ROW_HEIGHT;
    }
    for note in notes {
        y += 18.0;
        text(&mut svg, "quiet", 0.0, y + 22.0, &note.replace('&', "&amp;").replace('<', "&lt;"))?;
    }
    Ok(svg + "</svg>\n")
}

/// Returns the distance between ticks, so that five ticks reach the rate.
fn tick_distance(rate: f64) -> f64 {
    let power = 10_f64.powf((rate / 5.0).log10().floor());
    let steps = [1.0, 2.0, 2.5, 5.0].map(|factor| factor * power);
    steps.into_iter().find(|step| step * 5.0 >= rate).unwrap_or(power * 10.0)
}

fn text(svg: &mut String, class: &str, x: f64, y: f64, text: &str) -> Result<()> {
    Ok(writeln!(svg, "<text class=\"{class}\" x=\"{x:.1}\" y=\"{y}\">{text}</text>")?)
}

fn line(svg: &mut String, class: &str, x: f64, from: f64, to: f64) -> Result<()> {
    Ok(writeln!(svg, "<line class=\"{class}\" x1=\"{x:.1}\" y1=\"{from}\" x2=\"{x:.1}\" y2=\"{to}\"/>")?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::results::tests::example_summaries;

    #[test]
    fn bars_and_marks_share_one_axis() {
        let svg = svg(&example_summaries(), &["a < b"]).expect("every row was measured");
        // The rate is 52,000, and the axis ends at 100,000.
        assert!(svg.contains(r#"<rect class="bar" x="140" y="84" width="332.8" height="18"/>"#), "{svg}");
        // The rate of the baseline is 24,800, so its mark is inside the bar.
        assert!(
            svg.contains(r#"<line class="mark memory" x1="298.7" y1="80" x2="298.7" y2="106"/>"#),
            "{svg}"
        );
        assert!(svg.contains(">a &lt; b</text>"), "{svg}");
    }

    #[test]
    fn ticks_are_round_numbers() {
        let steps = [81_528.0, 100_000.0, 100_001.0, 900.0, 3.0].map(|rate| thousands(tick_distance(rate)));
        assert_eq!(steps, ["20,000", "20,000", "25,000", "200", "1"]);
    }
}
