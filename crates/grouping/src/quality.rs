//! The quality of a record, by which the display record of a group is chosen.

use marc::CompactRecord;

/// Returns how complete a record is; the record with the largest value is shown for its group.
///
/// Most counts how completely the cataloguers described the publication (leader/17), then what readers see: author,
/// edition, imprint, extent, contents, summary, subjects, original script.
#[must_use]
pub fn quality(record: &CompactRecord) -> u16 {
    let level = match record.leader_at(17) {
        ' ' => 60,
        'I' | '1' => 50,
        '4' | 'L' => 40,
        'K' | '7' => 25,
        'M' | '2' => 20,
        // Records from publishers before publication, and those of which nobody knows the level.
        _ => 10,
    };
    let mut seen = [false; 14];
    let (mut subjects, mut notes) = (0, 0);
    for field in record.fields() {
        let place = match field.tag().as_str() {
            "020" | "022" => 0,
            "010" | "035" => 1,
            "041" => 2,
            "100" | "110" | "111" => 3,
            "245" if field.subfield('c').is_some() => 4,
            "250" => 5,
            "260" | "264" => 6,
            "300" => 7,
            "336" | "337" | "338" => 8,
            "505" => 9,
            "520" => 10,
            "880" => 11,
            "050" | "082" | "080" | "084" => 12,
            "700" | "710" => 13,
            "600" | "610" | "611" | "630" | "650" | "651" | "655" => {
                subjects += 1;
                continue;
            }
            "490" | "500" | "504" | "546" | "776" | "830" => {
                notes += 1;
                continue;
            }
            _ => continue,
        };
        seen[place] = true;
    }
    let weights = [4, 2, 2, 6, 4, 4, 8, 8, 3, 6, 6, 4, 3, 3];
    let described: u16 = seen.iter().zip(weights).map(|(seen, weight)| if *seen { weight } else { 0 }).sum();
    let damaged = u16::from(record.fields().any(|field| field.text().contains('\u{FFFD}'))) * 30;
    (level + described + 2 * subjects.min(5) + notes.min(5)).saturating_sub(damaged)
}

#[cfg(test)]
mod tests {
    use marc::{CompactRecord, Record};

    use super::quality;

    #[test]
    fn full_record_is_better_than_a_brief_or_damaged_one() {
        let record = |leader: &str, title: &str| {
            let builder =
                Record::builder().leader(leader.parse().unwrap()).data("245", '0', '0', [('a', title), ('c', "X")]);
            builder.data("100", '1', ' ', [('a', "Hunt, Andrew")])
        };
        let full = record("00000nam a2200000 a 4500", "Title").data("650", ' ', '0', [('a', "Jazz")]).build();
        let brief = record("00000nam a2200000Ka 4500", "Title").build();
        let damaged = record("00000nam a2200000 a 4500", "Ti\u{FFFD}le").build();
        let [full, brief, damaged] = [full, brief, damaged].map(|record| quality(&CompactRecord::from(&record)));
        assert!(full > brief && full > damaged, "{full} {brief} {damaged}");
    }
}
