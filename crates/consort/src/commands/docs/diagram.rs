//! The diagram of the statuses: the usual statuses from top to bottom, endings next to them.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use lending::{Status, transitions};

/// The usual statuses, in order.
const WAY: [Status; 14] = [
    Status::SubmittedToDcb,
    Status::PatronVerified,
    Status::Resolved,
    Status::RequestPlacedAtSupplyingAgency,
    Status::Confirmed,
    Status::RequestPlacedAtBorrowingAgency,
    Status::RequestPlacedAtPickupAgency,
    Status::PickupTransit,
    Status::ReceivedAtPickup,
    Status::ReadyForPickup,
    Status::Loaned,
    Status::ReturnTransit,
    Status::Completed,
    Status::Finalised,
];
/// The statuses next to them, each with its row.
const NEXT_TO: [(Status, usize); 4] = [
    (Status::NotSuppliedCurrentSupplier, 2),
    (Status::HandedOffAsLocal, 4),
    (Status::NoItemsSelectableAtAnyAgency, 7),
    (Status::Cancelled, 10),
];

const ROW: i32 = 64;
const BOX_WIDTH: i32 = 300;
const BOX_HEIGHT: i32 = 34;
const LEFT: i32 = 150;
const RIGHT: i32 = 690;
const TOP: i32 = 24;

/// Returns the pairs of statuses with a transition between them, each once. Ending by hand leads from every status to
/// COMPLETED and would hide everything else, so only the tables contain it.
fn arrows() -> Vec<(Status, Status)> {
    let by_hand = |reason: &str| reason == "staff ended it by hand";
    let pairs: BTreeSet<_> = transitions().filter(|row| !by_hand(row.reason)).map(|row| (row.from, row.to)).collect();
    pairs.into_iter().collect()
}

/// Returns the diagram as Mermaid.
pub(super) fn mermaid() -> String {
    let mut text = "stateDiagram-v2\n    [*] --> SUBMITTED_TO_DCB\n".to_owned();
    for (from, to) in arrows() {
        let _ = writeln!(text, "    {from} --> {to}");
    }
    text.push_str("    HANDED_OFF_AS_LOCAL --> [*]\n    FINALISED --> [*]\n");
    text
}

/// Returns the diagram as SVG, on a grid. Arrows between successive usual statuses are straight, all others are curved.
pub(super) fn svg() -> String {
    let rows = i32::try_from(WAY.len()).unwrap_or_default();
    let (width, height) = (RIGHT + BOX_WIDTH + 56, TOP + rows * ROW);
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" role=\"img\" \
         aria-label=\"Statuses of a patron request and the transitions between them\">\n\
         <style>text{{font:13px sans-serif;text-anchor:middle;fill:#1a1a1a}}rect{{fill:#eef3f8;stroke:#35587a;rx:6}}\
         rect.end{{fill:#f7efe4;stroke:#8a5a1c}}path{{fill:none;stroke:#5b6b7a;stroke-width:1.3;\
         marker-end:url(#tip)}}</style>\n\
         <rect x=\"0\" y=\"0\" width=\"{width}\" height=\"{height}\" style=\"fill:#fff;stroke:none\"/>\n\
         <defs><marker id=\"tip\" viewBox=\"0 0 8 8\" refX=\"7\" refY=\"4\" markerWidth=\"7\" markerHeight=\"7\" \
         orient=\"auto\"><path d=\"M0 0L8 4L0 8z\" style=\"fill:#5b6b7a;stroke:none\"/></marker></defs>\n"
    );
    for (from, to) in arrows() {
        if let (Some(start), Some(end)) = (place(from), place(to)) {
            let _ = writeln!(svg, "<path d=\"{}\"/>", curve(start, end));
        }
    }
    for status in Status::ALL {
        let Some((x, y)) = place(status) else { continue };
        let class = if x == LEFT { "" } else { " class=\"end\"" };
        let _ = writeln!(
            svg,
            "<rect{class} x=\"{x}\" y=\"{y}\" width=\"{BOX_WIDTH}\" height=\"{BOX_HEIGHT}\"/><text x=\"{}\" \
             y=\"{}\">{status}</text>",
            x + BOX_WIDTH / 2,
            y + 22
        );
    }
    svg.push_str("</svg>\n");
    svg
}

fn place(status: Status) -> Option<(i32, i32)> {
    let at = |row: usize| i32::try_from(row).ok().map(|row| TOP + row * ROW);
    if let Some(row) = WAY.iter().position(|on_way| *on_way == status) {
        return Some((LEFT, at(row)?));
    }
    let (_, row) = NEXT_TO.iter().find(|(next_to, _)| *next_to == status)?;
    Some((RIGHT, at(*row)? + ROW / 2))
}

fn curve((x1, y1): (i32, i32), (x2, y2): (i32, i32)) -> String {
    let middle = BOX_WIDTH / 2;
    if x1 == LEFT && x2 == LEFT {
        if y2 - y1 == ROW {
            return format!("M{} {}L{} {y2}", x1 + middle, y1 + BOX_HEIGHT, x2 + middle);
        }
        // The arrow passes the boxes between on the left; the longer, the wider.
        let (start, end) = (y1 + BOX_HEIGHT / 2, y2 + BOX_HEIGHT / 2);
        let out = x1 - 30 - (y2 - y1).abs() / 8;
        return format!("M{x1} {start}C{out} {start} {out} {end} {x2} {end}");
    }
    let (start, end) = (y1 + BOX_HEIGHT / 2, y2 + BOX_HEIGHT / 2);
    if x1 == x2 {
        let (edge, out) = (x1 + BOX_WIDTH, x1 + BOX_WIDTH + 40);
        return format!("M{edge} {start}C{out} {start} {out} {end} {edge} {end}");
    }
    let (start_x, end_x) = if x1 < x2 { (x1 + BOX_WIDTH, x2) } else { (x1, x2 + BOX_WIDTH) };
    let half = (start_x + end_x) / 2;
    format!("M{start_x} {start}C{half} {start} {half} {end} {end_x} {end}")
}
