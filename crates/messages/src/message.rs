//! A sentence with its arguments, and its text in a language.

use std::sync::LazyLock;

use fluent_bundle::concurrent::FluentBundle;
use fluent_bundle::{FluentArgs, FluentResource};
use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use unic_langid::LanguageIdentifier;

use crate::language::Language;

/// The ids of all sentences. A test holds the files to it.
pub const IDS: &[&str] = &[
    "checking-account",
    "searching",
    "asked",
    "queued",
    "on-its-way",
    "delayed",
    "arrived",
    "ready",
    "missing-at-pickup",
    "lent",
    "lent-until",
    "renewed-until",
    "renewal-refused",
    "renewal-refused-until",
    "recalled",
    "overdue",
    "lost",
    "claimed-returned",
    "going-home",
    "no-library",
    "at-own-library",
    "cancelled-by-patron",
    "cancelled",
    "no-longer-needed",
    "ended-supplied",
    "ended-not-collected",
    "ended-lost",
    "ended",
    "account-unknown",
    "account-inactive",
    "account-expired",
    "account-blocked",
    "account-cannot-borrow",
    "account-of-other-library",
    "account-without-library",
    "account-loan-limit",
    "account-request-limit",
    "account-overdue",
    "account-fees",
    "account-type-unknown",
    "too-many-requests",
    "requested-already",
    "choose-another-place",
    "give-your-card",
    "item-not-lent",
    "title-not-in-catalogue",
    "item-at-your-library",
    "library-does-not-borrow",
    "choose-a-later-date",
    "account-not-checked",
    "ask-staff",
];

/// A sentence for a patron: its id and its arguments.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Message {
    /// The id, such as `lent-until`. It is stable: programs may have sentences of their own for it.
    pub id: String,
    /// The name of the pickup location, if the sentence names it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub place: Option<String>,
    /// The day on which the loan ends, if the sentence names it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub date: Option<Date>,
}

impl Message {
    /// Creates a message without arguments.
    pub(crate) fn plain(id: &str) -> Self {
        Self { id: id.to_owned(), place: None, date: None }
    }

    /// Returns the sentence in a language. A message with an unknown id, as a newer program may have stored it, has the
    /// sentence that the request has ended or goes on elsewhere: none. It is returned as `None`.
    pub fn text(&self, language: Language) -> Option<String> {
        let bundle = bundle(language)?;
        let pattern = bundle.get_message(&self.id)?.value()?;
        let mut arguments = FluentArgs::new();
        if let Some(place) = &self.place {
            arguments.set("place", place.as_str());
        }
        if let Some(date) = self.date {
            arguments.set("date", in_words(date, language));
        }
        let mut faults = Vec::new();
        let text = bundle.format_pattern(pattern, Some(&arguments), &mut faults);
        faults.is_empty().then(|| text.into_owned())
    }
}

/// Returns a day as people write it.
fn in_words(date: Date, language: Language) -> String {
    let format = match language {
        Language::English => "%-d %B %Y",
        Language::German => "%-d.%-m.%Y",
    };
    date.strftime(format).to_string()
}

type Bundle = FluentBundle<FluentResource>;

/// Returns the messages of a language; `None` if its file has a fault, which a test excludes.
fn bundle(language: Language) -> Option<&'static Bundle> {
    static ENGLISH: LazyLock<Option<Bundle>> = LazyLock::new(|| read("en", include_str!("../messages/en.ftl")));
    static GERMAN: LazyLock<Option<Bundle>> = LazyLock::new(|| read("de", include_str!("../messages/de.ftl")));
    match language {
        Language::English => ENGLISH.as_ref(),
        Language::German => GERMAN.as_ref(),
    }
}

fn read(tag: &str, file: &str) -> Option<Bundle> {
    let tag: LanguageIdentifier = tag.parse().ok()?;
    let mut bundle = FluentBundle::new_concurrent(vec![tag]);
    // The sentences are shown as text of one direction, so marks around the arguments would only disturb programs.
    bundle.set_use_isolating(false);
    bundle.add_resource(FluentResource::try_new(file.to_owned()).ok()?).ok()?;
    Some(bundle)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// Returns the names of arguments in a text.
    fn arguments(file: &str, id: &str) -> BTreeSet<String> {
        let line = file.lines().find(|line| line.starts_with(&format!("{id} = "))).unwrap_or_default();
        line.split('$').skip(1).filter_map(|rest| rest.split_whitespace().next()).map(str::to_owned).collect()
    }

    #[test]
    fn every_sentence_exists_in_each_language_with_the_same_arguments() {
        let (english, german) = (include_str!("../messages/en.ftl"), include_str!("../messages/de.ftl"));
        let ids = |file: &str| {
            let lines = file.lines().filter(|line| !line.starts_with('#'));
            lines.filter_map(|line| line.split_once(" = ")).map(|(id, _)| id.to_owned()).collect::<Vec<_>>()
        };
        assert_eq!((ids(english), ids(german)), (IDS.map_owned(), IDS.map_owned()));
        for id in IDS {
            assert_eq!(arguments(english, id), arguments(german, id), "{id}");
            let message =
                Message { id: (*id).to_owned(), place: Some("Main".into()), date: Some(jiff::civil::date(2027, 1, 2)) };
            for language in Language::ALL {
                let text = message.text(language).unwrap_or_else(|| panic!("{id} has no text in {}", language.tag()));
                assert!(text.ends_with('.') && !text.contains('{') && !text.contains('$'), "{text}");
            }
        }
    }

    trait MapOwned {
        fn map_owned(&self) -> Vec<String>;
    }

    impl MapOwned for &[&str] {
        fn map_owned(&self) -> Vec<String> {
            self.iter().map(|&id| id.to_owned()).collect()
        }
    }

    #[test]
    fn day_is_written_as_in_the_language() {
        let message = Message { date: Some(jiff::civil::date(2027, 1, 2)), ..Message::plain("lent-until") };
        assert_eq!(message.text(Language::English).unwrap(), "You have the item. Please return it by 2 January 2027.");
        assert!(message.text(Language::German).unwrap().contains("bis zum 2.1.2027 zurück"));
    }

    #[test]
    fn unknown_id_and_missing_argument_give_no_sentence() {
        assert_eq!(Message::plain("of-a-newer-program").text(Language::English), None);
        assert_eq!(Message::plain("ready").text(Language::English), None);
    }
}
