//! Finds the copies that are the volume which a request names.
//!
//! People write a volume as they please: `V. 3`, `v.3`, `Bd. III`. So the hub compares the sequence of numbers, each
//! with the class of its label, and not the texts.

use crate::refusal::Refusal;
use crate::volume::Volume;
use crate::volume_label::{Label, Part, read};

/// How many candidates a refusal names at most.
const MOST_CANDIDATES: usize = 12;

/// How well a copy is the wanted volume; better ones come later.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Fit {
    /// It is another volume.
    Other,
    /// It is a part of the wanted volume: `v.3:no.2` where `v.3` is wanted.
    Part,
    /// It contains the wanted volume: `v.1-3` where `v.3` is wanted.
    Contains,
    /// Its sequence of numbers is the same; one of the two texts has no date, or less of it.
    Sequence,
    /// Sequence and date are the same.
    Same,
    /// The texts are the same.
    Text,
}

/// Returns the positions of the copies that are the wanted volume.
///
/// # Errors
///
/// `VOLUME_AMBIGUOUS` if copies of several volumes are equally likely, and `VOLUME_NOT_FOUND` if there is none. Both
/// name the volumes that there are.
pub fn choose_volume(wanted: &str, copies: &[Volume]) -> Result<Vec<usize>, Refusal> {
    let label = read(wanted);
    let fits: Vec<Fit> = copies.iter().map(|copy| fit(&label, copy)).collect();
    let best = fits.iter().copied().max().unwrap_or(Fit::Other);
    let found: Vec<usize> = (0..copies.len()).filter(|at| fits.get(*at) == Some(&best)).collect();
    let of_found = || found.iter().filter_map(|at| copies.get(*at));
    match best {
        Fit::Other => Err(not_found(wanted, copies.iter())),
        Fit::Part => Err(ambiguous(wanted, of_found())),
        Fit::Contains | Fit::Sequence | Fit::Same | Fit::Text => {
            let mut others = of_found();
            let first = others.next();
            let is_one = first.is_none_or(|first| others.all(|other| is_same_volume(first, other)));
            if is_one { Ok(found) } else { Err(ambiguous(wanted, of_found())) }
        }
    }
}

/// Checks that a copy which the request names directly is not another volume than the wanted one. A copy without any
/// volume is not checked.
///
/// # Errors
///
/// `VOLUME_DIFFERS`, with the copy's volume.
pub fn check_volume(wanted: &str, copy: &Volume) -> Result<(), Refusal> {
    match copy.label() {
        Some(label) if fit(&read(wanted), copy) == Fit::Other => Err(Refusal::new(
            "VOLUME_DIFFERS",
            format!(
                "The request wants the volume {wanted:?}, but the copy that it names is {label:?}. Name another copy, or \
                 leave the volume out."
            ),
        )),
        Some(_) | None => Ok(()),
    }
}

fn fit(wanted: &Label, copy: &Volume) -> Fit {
    let texts = [copy.label(), copy.description.clone(), copy.numbering()];
    texts.iter().flatten().map(|text| fit_of_label(wanted, &read(text))).max().unwrap_or(Fit::Other)
}

fn fit_of_label(wanted: &Label, label: &Label) -> Fit {
    if wanted.plain.is_empty() {
        return Fit::Other;
    }
    if wanted.plain == label.plain {
        return Fit::Text;
    }
    let same_date = are_like(&wanted.chronology, &label.chronology);
    // A date that one of the texts leaves out is no contradiction.
    let no_other_date = wanted.chronology.is_empty()
        || label.chronology.is_empty()
        || wanted.chronology.iter().all(|part| label.chronology.iter().any(|other| other.contains(part)));
    if wanted.parts.is_empty() {
        let dated = !label.chronology.is_empty() && no_other_date;
        return if dated { Fit::Sequence } else { Fit::Other };
    }
    if are_like(&wanted.parts, &label.parts) {
        return match (same_date, no_other_date) {
            (true, _) => Fit::Same,
            (false, true) => Fit::Sequence,
            (false, false) => Fit::Other,
        };
    }
    let begins = label.parts.len() >= wanted.parts.len()
        && label.parts.iter().zip(&wanted.parts).all(|(part, wanted)| part.contains(wanted));
    match (begins && no_other_date, label.parts.len() == wanted.parts.len()) {
        (false, _) => Fit::Other,
        (true, true) => Fit::Contains,
        (true, false) => Fit::Part,
    }
}

fn are_like(parts: &[Part], others: &[Part]) -> bool {
    parts.len() == others.len() && parts.iter().zip(others).all(|(part, other)| part.is_like(other))
}

fn is_same_volume(copy: &Volume, other: &Volume) -> bool {
    let read_label = |volume: &Volume| read(&volume.label().unwrap_or_default());
    let (label, other) = (read_label(copy), read_label(other));
    are_like(&label.parts, &other.parts) && are_like(&label.chronology, &other.chronology)
}

fn ambiguous<'a>(wanted: &str, candidates: impl Iterator<Item = &'a Volume>) -> Refusal {
    let names = names(candidates);
    let explanation = format!(
        "Several volumes of the lender's record may be {wanted:?}: {names}. Name the volume as it is written here, or name \
         the copy by its barcode."
    );
    Refusal::new("VOLUME_AMBIGUOUS", explanation)
}

fn not_found<'a>(wanted: &str, candidates: impl Iterator<Item = &'a Volume>) -> Refusal {
    let names = names(candidates);
    let explanation = if names.is_empty() {
        format!("The lender's record has no volume {wanted:?}; its items name no volumes.")
    } else {
        format!("The lender's record has no volume {wanted:?}. It has: {names}.")
    };
    Refusal::new("VOLUME_NOT_FOUND", explanation)
}

/// Returns the volumes' labels, each once, and the number of those that are left out.
fn names<'a>(volumes: impl Iterator<Item = &'a Volume>) -> String {
    let mut labels: Vec<String> = Vec::new();
    for label in volumes.filter_map(Volume::label) {
        if !labels.contains(&label) {
            labels.push(label);
        }
    }
    let more = labels.len().saturating_sub(MOST_CANDIDATES);
    labels.truncate(MOST_CANDIDATES);
    let names = labels.join("; ");
    if more == 0 { names } else { format!("{names}; and {more} more") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn described(texts: &[&str]) -> Vec<Volume> {
        texts.iter().map(|text| Volume::new(Some(text), &[], &[])).collect()
    }

    fn chosen(wanted: &str, texts: &[&str]) -> Result<Vec<usize>, String> {
        choose_volume(wanted, &described(texts)).map_err(|refusal| refusal.code)
    }

    #[test]
    fn volume_is_found_by_its_numbers_and_the_class_of_their_labels() {
        let held = ["v.1 (1984)", "v.2 (1985)", "v.3 (1986)", "no.3", "v.13"];
        for wanted in ["V. 3", "v.3", "Vol. 3", "Bd. 3", "Band III", "t.3", "v. 3 (1986)", "1986"] {
            assert_eq!(chosen(wanted, &held), Ok(vec![2]), "{wanted}");
        }
        assert_eq!(chosen("Nr. 3", &held), Ok(vec![3]));
        assert_eq!(chosen("v.1", &["v.1:no.2", "v.1", "v. 1"]), Ok(vec![1, 2]), "both are copies of the volume");
        assert_eq!(chosen("Jg. 3, H. 2", &["Jg.3:H.1", "Jg.3:H.2", "v.3:no.2"]), Ok(vec![1]));
    }

    #[test]
    fn copy_that_contains_the_volume_is_taken_where_no_copy_is_the_volume() {
        assert_eq!(chosen("v.2", &["v.1-3", "v.4-6"]), Ok(vec![0]));
        assert_eq!(chosen("v.2", &["v.1-3", "v.2"]), Ok(vec![1]));
        assert_eq!(chosen("1985", &["1984-86", "1987-89"]), Ok(vec![0]));
    }

    #[test]
    fn copies_of_several_volumes_that_may_be_meant_are_refused_by_name() {
        let refusal = choose_volume("v.3", &described(&["v.3 (1985)", "v.3 (1990)", "v.4"])).unwrap_err();
        assert_eq!(refusal.code, "VOLUME_AMBIGUOUS");
        assert!(refusal.explanation.contains("\"v.3\": v.3 (1985); v.3 (1990)."), "{}", refusal.explanation);
        assert_eq!(chosen("3", &["v.3", "no.3"]), Err("VOLUME_AMBIGUOUS".to_owned()));
        assert_eq!(chosen("v.3", &["v.3:no.1", "v.3:no.2"]), Err("VOLUME_AMBIGUOUS".to_owned()));
        assert_eq!(chosen("v.3", &["v.3 Suppl.", "v.3 Index"]), Err("VOLUME_AMBIGUOUS".to_owned()));
        assert_eq!(chosen("v.3 (1985)", &["v.3 (1985)", "v.3 (1990)"]), Ok(vec![0]));
    }

    #[test]
    fn volume_that_does_not_exist_is_refused_with_those_that_do() {
        let refusal = choose_volume("v.9", &described(&["v.1", "v.2", "v.2"])).unwrap_err();
        assert_eq!(refusal.code, "VOLUME_NOT_FOUND");
        assert!(refusal.explanation.ends_with("It has: v.1; v.2."), "{}", refusal.explanation);
        assert_eq!(chosen("no.1", &["v.1"]), Err("VOLUME_NOT_FOUND".to_owned()));
        assert_eq!(chosen("v.3 (1990)", &["v.3 (1985)"]), Err("VOLUME_NOT_FOUND".to_owned()));
        assert_eq!(chosen(" . ", &["v.1", ""]), Err("VOLUME_NOT_FOUND".to_owned()));
    }

    #[test]
    fn enumeration_and_chronology_name_the_volume_of_a_copy_without_a_description() {
        let level = |text: &str| vec![Some(text.to_owned())];
        let held = [Volume::new(None, &level("1"), &level("1984")), Volume::new(None, &level("2"), &level("1985"))];
        for wanted in ["v.2", "2", "Bd. 2 (1985)", "1985"] {
            assert_eq!(choose_volume(wanted, &held).unwrap(), [1], "{wanted}");
        }
    }

    #[test]
    fn named_copy_of_another_volume_is_refused() {
        let copy = Volume::new(Some("v.2"), &[], &[]);
        assert_eq!(check_volume("V. 2", &copy), Ok(()));
        assert_eq!(check_volume("v.1", &copy).unwrap_err().code, "VOLUME_DIFFERS");
        assert_eq!(check_volume("v.1", &Volume::default()), Ok(()), "the copy names no volume");
    }
}
