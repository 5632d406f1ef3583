//! Judges whether two records describe one edition in one format.

use std::fmt;

use crate::compare::{Agreement, Aspect, Comparison, SharedNumber, lccns_differ, plainly_contrary, shared};
use crate::{Keys, LookupKind};

/// The judgement on two records.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Judgement {
    /// The result.
    pub verdict: Verdict,
    /// The reasons, the most important first.
    pub reasons: Vec<Reason>,
}

/// The result of comparing two records.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Verdict {
    /// They describe different publications: they may not be in one group, whatever other records say.
    Different,
    /// Too little speaks for one publication, and nothing against it: a third record may join them.
    Unproven,
    /// They describe one edition in one format. A larger number means more evidence.
    Same(u8),
}

/// A reason for a judgement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reason {
    /// Both have this identifier.
    Shared {
        /// The kind of the identifier.
        kind: LookupKind,
        /// The identifier.
        number: String,
    },
    /// They agree or differ in an aspect.
    Compared {
        /// The aspect.
        aspect: Aspect,
        /// The result.
        agreement: Agreement,
    },
}

impl Judgement {
    /// Returns whether the records belong to one group.
    #[must_use]
    pub fn is_same(&self) -> bool {
        matches!(self.verdict, Verdict::Same(_))
    }
}

/// Compares two records. The result doesn't depend on their order.
#[must_use]
pub fn judge(a: &Keys, b: &Keys) -> Judgement {
    let compared = Comparison::of(a, b);
    let numbers = shared(a, b);
    let strong = numbers.iter().filter(|number| number.is_strong).count();
    let evidence = if strong > 0 {
        Evidence::Strong
    } else if numbers.is_empty() {
        Evidence::None
    } else {
        Evidence::Weak
    };
    let contradictions: Vec<Reason> =
        compared.all().filter(|found| contradicts(*found, evidence, &compared)).map(Reason::from).collect();
    if !contradictions.is_empty() {
        return Judgement { verdict: Verdict::Different, reasons: contradictions };
    }
    let mut reasons: Vec<Reason> = numbers.into_iter().map(Reason::from).collect();
    reasons.extend(compared.all().filter(|(_, agreement)| *agreement <= Agreement::Close).map(Reason::from));
    let proven = match evidence {
        Evidence::Strong => doubts(&compared) < 2,
        Evidence::Weak => compared.get(Aspect::Title) <= Agreement::Close && described_alike(&compared, 1),
        Evidence::None => described_the_same(a, b, &compared),
    };
    let score = strength(strong, &compared);
    let verdict = if proven { Verdict::Same(score) } else { Verdict::Unproven };
    if !proven {
        reasons.extend(compared.all().filter(|(_, agreement)| *agreement == Agreement::Unlike).map(Reason::from));
    }
    Judgement { verdict, reasons }
}

/// Returns the verdict of [`judge`] without its reasons.
pub(crate) fn verdict(a: &Keys, b: &Keys) -> Verdict {
    if plainly_contrary(a, b) { Verdict::Different } else { judge(a, b).verdict }
}

/// The identifiers that two records share.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Evidence {
    /// One that proves one publication, unless something contradicts.
    Strong,
    /// One that several publications share.
    Weak,
    None,
}

/// Returns whether the result in this aspect means two publications.
fn contradicts((aspect, agreement): (Aspect, Agreement), evidence: Evidence, compared: &Comparison) -> bool {
    if agreement == Agreement::Contrary {
        return true;
    }
    // What cataloguers do differently is a contradiction where no identifier vouches for the publication.
    agreement == Agreement::Unlike
        && match aspect {
            Aspect::Format | Aspect::Volume | Aspect::Date | Aspect::Edition | Aspect::Publisher | Aspect::Extent => {
                evidence == Evidence::None
            }
            Aspect::Title | Aspect::Author => evidence != Evidence::Strong,
            Aspect::Numbers => evidence == Evidence::None,
            Aspect::Language => compared.get(Aspect::Title) > Agreement::Same,
        }
}

/// Returns in how many of the aspects that distinguish editions the records differ a little. An identifier vouches for one
/// such difference; with more of them it may have been copied from the record of another edition.
fn doubts(compared: &Comparison) -> usize {
    let distinguishing = [Aspect::Date, Aspect::Edition, Aspect::Publisher, Aspect::Extent, Aspect::Title];
    distinguishing.iter().filter(|aspect| compared.get(**aspect) == Agreement::Unlike).count()
}

/// Returns whether the description agrees in date, in publisher or extent, and in so many of publisher, extent, author and
/// edition.
fn described_alike(compared: &Comparison, least: usize) -> bool {
    let agreeing = [Aspect::Publisher, Aspect::Extent, Aspect::Author, Aspect::Edition];
    let agrees = |aspect| compared.get(aspect) <= Agreement::Close;
    agrees(Aspect::Date)
        && (agrees(Aspect::Publisher) || agrees(Aspect::Extent))
        && agreeing.iter().filter(|aspect| compared.get(**aspect) <= Agreement::Close).count() >= least
}

/// Returns whether two records without a common identifier describe one publication.
fn described_the_same(a: &Keys, b: &Keys, compared: &Comparison) -> bool {
    let get = |aspect| compared.get(aspect);
    let everything_agrees = described_alike(compared, 3)
        && get(Aspect::Date) == Agreement::Same
        && get(Aspect::Extent) == Agreement::Same
        && get(Aspect::Publisher) <= Agreement::Close
        && get(Aspect::Author) <= Agreement::Close;
    if lccns_differ(a, b) {
        return everything_agrees && get(Aspect::Title) == Agreement::Same;
    }
    match get(Aspect::Title) {
        // Several editions of one year have author and publisher in common: the extent has to agree too, as far as both
        // records have one.
        Agreement::Same
            if described_alike(compared, 2) && (get(Aspect::Extent) <= Agreement::Close || no_extent(a, b)) =>
        {
            true
        }
        // A brief record has no more than title and responsibility. Where these are long, few other publications of the
        // year have the same.
        Agreement::Same => {
            let brief = |keys: &Keys| keys.described.publisher.is_empty() && get(Aspect::Extent) == Agreement::Unknown;
            let long = |keys: &Keys| keys.described.author.responsibility.split(' ').count() >= 4;
            (brief(a) || brief(b))
                && long(a)
                && get(Aspect::Author) == Agreement::Same
                && get(Aspect::Date) == Agreement::Same
        }
        // With other title information in one record only, everything else has to agree.
        Agreement::Close => everything_agrees,
        _ => false,
    }
}

/// Returns whether neither record has a number of pages, volumes or pieces.
fn no_extent(a: &Keys, b: &Keys) -> bool {
    [a, b].iter().all(|keys| {
        let extent = &keys.described.extent;
        extent.pages.is_none() && extent.volumes.is_none() && extent.pieces.is_none()
    })
}

fn strength(strong: usize, compared: &Comparison) -> u8 {
    let agreeing: u8 = compared
        .all()
        .map(|(_, agreement)| match agreement {
            Agreement::Same => 3,
            Agreement::Close => 2,
            Agreement::Unknown => 1,
            Agreement::Unlike | Agreement::Contrary => 0,
        })
        .sum();
    agreeing.saturating_add(u8::try_from(strong.min(4) * 40).unwrap_or(u8::MAX))
}

impl From<(Aspect, Agreement)> for Reason {
    fn from((aspect, agreement): (Aspect, Agreement)) -> Self {
        Self::Compared { aspect, agreement }
    }
}

impl From<SharedNumber> for Reason {
    fn from(shared: SharedNumber) -> Self {
        Self::Shared { kind: shared.kind, number: shared.number }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Shared { kind, number } => write!(f, "same {kind} {number}"),
            Self::Compared { aspect, agreement } => {
                let names = match aspect {
                    Aspect::Format => "formats",
                    Aspect::Volume => "volumes",
                    Aspect::Title => "titles",
                    Aspect::Author => "authors",
                    Aspect::Edition => "edition statements",
                    Aspect::Date => "dates",
                    Aspect::Publisher => "publishers",
                    Aspect::Extent => "extents",
                    Aspect::Language => "languages",
                    Aspect::Numbers => "identifiers",
                };
                let result = match agreement {
                    Agreement::Same => "agree",
                    Agreement::Close => "nearly agree",
                    Agreement::Unknown => "are unknown",
                    Agreement::Unlike => "differ a little",
                    Agreement::Contrary => "differ",
                };
                write!(f, "{names} {result}")
            }
        }
    }
}

impl fmt::Display for Judgement {
    /// Writes the verdict and its reasons: `one edition: same ISBN 9780201616224, titles agree`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.verdict {
            Verdict::Different => "different publications",
            Verdict::Unproven => "not proven to be one edition",
            Verdict::Same(_) => "one edition",
        })?;
        for (at, reason) in self.reasons.iter().enumerate() {
            write!(f, "{} {reason}", if at == 0 { ":" } else { "," })?;
        }
        Ok(())
    }
}
