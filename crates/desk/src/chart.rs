//! Plots as SVG. Sizes are attributes, since the content security policy forbids inline styles.

/// The width and height of a plot, without its labels.
const WIDTH: f64 = 326.0;
const HEIGHT: f64 = 108.0;
/// Where a plot begins.
const LEFT: f64 = 34.0;
const TOP: f64 = 22.0;

/// A line of percentages.
#[derive(Debug)]
pub(crate) struct Line {
    /// The path of the line.
    pub(crate) path: String,
    /// The last point, with its words.
    pub(crate) last: (String, String, String),
    /// The labels at the bottom: place and words.
    pub(crate) labels: Vec<(String, String)>,
    /// The sentence that says the trend.
    pub(crate) summary: String,
    /// The numbers as a table.
    pub(crate) rows: Vec<(String, String)>,
}

/// Returns the place of a point among `count`.
fn place(index: usize, count: usize) -> f64 {
    let steps = u32::try_from(count.saturating_sub(1)).unwrap_or(u32::MAX).max(1);
    LEFT + WIDTH * f64::from(u32::try_from(index).unwrap_or(u32::MAX)) / f64::from(steps)
}

impl Line {
    /// Creates the line of these points, each with its label and percentage; `None` for fewer than two.
    pub(crate) fn new(points: &[(String, f64)], summary: impl Fn(f64, f64) -> String) -> Option<Self> {
        let ((_, first), (_, last)) = (points.first()?, points.last()?);
        if points.len() < 2 {
            return None;
        }
        let height = |percent: f64| TOP + HEIGHT * (1.0 - percent / 100.0);
        let mut path = String::new();
        for (index, (_, percent)) in points.iter().enumerate() {
            let sign = if index == 0 { 'M' } else { 'L' };
            path.push_str(&format!("{sign}{:.1} {:.1}", place(index, points.len()), height(*percent)));
        }
        let end = place(points.len() - 1, points.len());
        Some(Self {
            path,
            last: (format!("{end:.1}"), format!("{:.1}", height(*last)), format!("{last:.0} %")),
            labels: labels(&points.iter().map(|(label, _)| label.as_str()).collect::<Vec<_>>()),
            summary: summary(*first, *last),
            rows: points.iter().map(|(label, percent)| (label.clone(), format!("{percent:.0} %"))).collect(),
        })
    }
}

/// Returns the first, the middle and the last label.
fn labels(all: &[&str]) -> Vec<(String, String)> {
    let places = [0, all.len() / 2, all.len().saturating_sub(1)];
    let mut found = Vec::new();
    for index in places {
        let label = all.get(index).map(|label| (format!("{:.1}", place(index, all.len())), (*label).to_owned()));
        if let Some(label) = label.filter(|label| !found.contains(label)) {
            found.push(label);
        }
    }
    found
}

/// Pairs of bars: the median, and what nine in ten do not exceed.
#[derive(Debug)]
pub(crate) struct Bars {
    /// For each pair: place, top and height of the larger bar, top and height of the smaller one.
    pub(crate) bars: Vec<[String; 5]>,
    pub(crate) labels: Vec<(String, String)>,
    /// The largest value, for the scale.
    pub(crate) most: i64,
    /// The numbers as a table.
    pub(crate) rows: Vec<(String, i64, i64)>,
}

impl Bars {
    /// Creates the bars; `None` without any.
    pub(crate) fn new(values: Vec<(String, i64, i64)>) -> Option<Self> {
        let most = values.iter().map(|(_, _, large)| *large).max()?.max(1);
        let size = |value: i64| {
            let part = f64::from(i32::try_from(value).unwrap_or(i32::MAX))
                / f64::from(i32::try_from(most).unwrap_or(i32::MAX));
            let height = HEIGHT * part;
            [format!("{:.1}", TOP + HEIGHT - height), format!("{height:.1}")]
        };
        let bars = values.iter().enumerate().map(|(index, (_, small, large))| {
            let ([large_top, large_height], [small_top, small_height]) = (size(*large), size(*small));
            [format!("{:.1}", place(index, values.len() + 1)), large_top, large_height, small_top, small_height]
        });
        let labels = labels(&values.iter().map(|(label, ..)| label.as_str()).collect::<Vec<_>>());
        Some(Self { bars: bars.collect(), labels, most, rows: values })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn line_reaches_from_edge_to_edge() {
        let points = vec![("1 Jan".to_owned(), 0.0), ("8 Jan".to_owned(), 50.0), ("15 Jan".to_owned(), 100.0)];
        let line = Line::new(&points, |first, last| format!("{first} {last}")).unwrap();
        assert_eq!(line.path, "M34.0 130.0L197.0 76.0L360.0 22.0");
        assert_eq!(line.summary, "0 100");
        assert!(Line::new(&[("1 Jan".to_owned(), 1.0)], |_, _| String::new()).is_none());
    }

    #[test]
    fn bars_fit_the_largest_value() {
        let bars = Bars::new(vec![("1 Jan".to_owned(), 2, 4)]).unwrap();
        assert_eq!(bars.bars, [["34.0", "22.0", "108.0", "76.0", "54.0"].map(str::to_owned)]);
        assert!(Bars::new(Vec::new()).is_none());
    }
}
