//! The results as a plot: a bar a case, in SVG.

use std::fmt::Write as _;

use super::cases::{Maker, NONE};
use super::results::{Measured, Results};

const WIDTH: f64 = 820.0;
const MARGIN: f64 = 24.0;
/// Where bars begin, and how long the longest of a group is, whiskers included.
const BARS: f64 = 250.0;
const LONGEST: f64 = 430.0;
const ROW: f64 = 26.0;
const BAR: f64 = 16.0;
/// A group's title and the blank before it.
const HEADING: f64 = 44.0;
const TOP: f64 = 84.0;
const BOTTOM: f64 = 20.0;

/// The legend: whose bars have which class, in words.
const MAKERS: [(Maker, &str, &str); 3] = [
    (Maker::Tollgate, "ours", "Tollgate"),
    (Maker::OtherModule, "other", "WebAssembly without Tollgate"),
    (Maker::Envoy, "native", "Envoy’s own"),
];

/// It stands on a card of its own, so that it can be read on a dark page too.
const STYLE: &str = "\
text{font:13px system-ui,-apple-system,'Segoe UI',Helvetica,Arial,sans-serif;fill:#1f2328}\
.card{fill:#fff;stroke:#d1d9e0}\
.title{font-size:17px;font-weight:600}\
.note{fill:#59636e;font-size:12px}\
.group{font-weight:600}\
.value{font-variant-numeric:tabular-nums}\
.ours{fill:#0e8a6d}.other{fill:#b7a1e0}.native{fill:#a9b4c0}\
.axis{stroke:#d1d9e0}\
.whisker{stroke:#1f2328;stroke-opacity:.55}";

/// The plot. Each group has a scale of its own: verifying a signature takes a hundred times what doing
/// nothing takes.
pub(super) fn svg(results: &Results) -> String {
    let mut body = String::new();
    let mut y = TOP;
    for group in groups(results) {
        draw_group(&mut body, &group, &mut y);
    }
    let height = y + BOTTOM;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{WIDTH}\" height=\"{height}\" \
         viewBox=\"0 0 {WIDTH} {height}\" role=\"img\">\n<style>{STYLE}</style>\n\
         <rect class=\"card\" x=\".5\" y=\".5\" width=\"{}\" height=\"{}\" rx=\"8\"/>\n",
        WIDTH - 1.0,
        height - 1.0
    );
    text(
        &mut svg,
        "title",
        MARGIN,
        34.0,
        "What a filter adds to Envoy’s processor time, µs per request",
    );
    let note = format!(
        "Envoy {}, one worker, median and quartiles of {} rounds; each group has its own scale",
        results.envoy, results.rounds
    );
    text(&mut svg, "note", MARGIN, 55.0, &note);
    draw_legend(&mut svg);
    svg + &body + "</svg>\n"
}

/// The cases in their groups. No filter at all has no bar.
fn groups(results: &Results) -> Vec<Vec<&Measured>> {
    let mut groups: Vec<Vec<&Measured>> = Vec::new();
    for measured in results.measured.iter().filter(|measured| measured.case.name != NONE) {
        match groups.last_mut() {
            Some(group) if group[0].case.group == measured.case.group => group.push(measured),
            _ => groups.push(vec![measured]),
        }
    }
    groups
}

fn draw_legend(svg: &mut String) {
    let mut x = MARGIN;
    for (_, class, label) in MAKERS {
        _ = writeln!(
            svg,
            "<rect class=\"{class}\" x=\"{x}\" y=\"69\" width=\"12\" height=\"12\" rx=\"2\"/>"
        );
        text(svg, "note", x + 18.0, 79.0, label);
        x += 48.0 + 6.2 * label.chars().count() as f64;
    }
}

fn draw_group(svg: &mut String, group: &[&Measured], y: &mut f64) {
    let largest = group.iter().map(|measured| measured.cost.upper_quartile).fold(0.1, f64::max);
    let scale = LONGEST / largest;
    *y += HEADING;
    text(svg, "group", MARGIN, *y - 12.0, group[0].case.group.title());
    let top = *y - 4.0;
    for measured in group {
        draw_bar(svg, measured, scale, *y);
        *y += ROW;
    }
    let bottom = *y - (ROW - BAR) + 4.0;
    _ = writeln!(
        svg,
        "<line class=\"axis\" x1=\"{BARS}\" y1=\"{top}\" x2=\"{BARS}\" y2=\"{bottom}\"/>"
    );
}

fn draw_bar(svg: &mut String, measured: &Measured, scale: f64, y: f64) {
    let (case, cost) = (&measured.case, &measured.cost);
    let class =
        MAKERS.iter().find(|(maker, ..)| *maker == case.maker).map_or("", |(_, class, _)| class);
    // Noise can make something cheap cost less than nothing.
    let place = |value: f64| value.max(0.0) * scale;
    let (baseline, middle) = (y + BAR - 3.5, y + BAR / 2.0);
    text(svg, "", MARGIN, baseline, case.title);
    _ = writeln!(
        svg,
        "<rect class=\"{class}\" x=\"{BARS}\" y=\"{y}\" width=\"{:.1}\" height=\"{BAR}\" rx=\"2\"/>",
        place(cost.median)
    );
    let (left, right) = (BARS + place(cost.lower_quartile), BARS + place(cost.upper_quartile));
    _ = writeln!(
        svg,
        "<path class=\"whisker\" fill=\"none\" \
         d=\"M{left:.1} {0:.1}v6m0 -3H{right:.1}m0 -3v6\"/>",
        middle - 3.0
    );
    let value = BARS + place(cost.upper_quartile.max(cost.median)) + 10.0;
    text(svg, "value", value, baseline, &format!("{:.1}", cost.median));
}

fn text(svg: &mut String, class: &str, x: f64, y: f64, content: &str) {
    let content = content.replace('&', "&amp;").replace('<', "&lt;");
    _ = writeln!(svg, "<text class=\"{class}\" x=\"{x:.1}\" y=\"{y:.1}\">{content}</text>");
}

#[cfg(test)]
mod tests {
    use super::super::results::tests::results;
    use super::svg;

    #[test]
    fn every_case_but_the_noise_has_a_bar_with_its_cost() {
        let svg =
            svg(&results(&[("none", 0.1), ("smallest", 2.04), ("no-op", 3.0), ("canary", 8.0)]));
        for value in [">2.0<", ">3.0<", ">8.0<"] {
            assert!(svg.contains(value), "{value}");
        }
        assert!(!svg.contains("noise"));
        assert_eq!(svg.matches("class=\"whisker\"").count(), 3);
        assert_eq!(svg.matches("class=\"group\"").count(), 2);
    }

    #[test]
    fn a_cost_below_zero_has_a_bar_of_no_length() {
        let svg = svg(&results(&[("native-fault", -0.2)]));
        assert!(svg.contains("width=\"0.0\"") && svg.contains(">-0.2<"), "{svg}");
    }

    #[test]
    fn the_longest_bar_of_a_group_stays_on_the_card() {
        let svg = svg(&results(&[("smallest", 1e6), ("no-op", 3.0)]));
        let width = |rect: &str| -> Option<f64> {
            rect.split_once("width=\"")?.1.split_once('"')?.0.parse().ok()
        };
        let bars = svg.lines().filter(|line| line.starts_with("<rect"));
        assert!(bars.filter_map(width).all(|width| width <= super::WIDTH));
    }
}
