//! Grouping of real records whose pairs are labelled. The records are those whose licences allow a copy here; the figures of
//! the full set are in docs/grouping.md.
#![allow(clippy::expect_used, reason = "test helpers stop at the first surprise")]

#[path = "../examples/measure/labelled.rs"]
mod labelled;

use std::path::Path;

use labelled::{Counts, Labelled, is_test};

#[test]
fn labelled_pairs_are_grouped_as_they_are_labelled() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../data/grouping");
    let labelled = Labelled::read(&directory).expect("the labelled pairs");
    assert!(labelled.pairs.iter().all(|pair| !is_test(pair)), "the part kept aside is not in the subset");
    let groups = labelled.groups();
    let mut counts = Counts::default();
    for pair in &labelled.pairs {
        let together = groups.get(&pair.a).is_some_and(|group| groups.get(&pair.b) == Some(group));
        counts.add(pair, together);
    }
    assert!(counts.hard_positives >= 20, "{counts:?}");
    let (precision, recall) = counts.hard();
    assert!(precision >= 0.95 && recall >= 0.9, "precision {precision:.3}, recall {recall:.3}: {counts:?}");
    let (precision, recall) = counts.all();
    assert!(
        precision >= 0.95 && recall >= 0.9,
        "with copies: precision {precision:.3}, recall {recall:.3}: {counts:?}"
    );
}
