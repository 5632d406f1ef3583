//! The texts of the pages, in the reader's language (Project Fluent).

use std::sync::LazyLock;

use fluent_bundle::concurrent::FluentBundle;
use fluent_bundle::{FluentArgs, FluentResource, FluentValue};
use messages::Language;
use unic_langid::LanguageIdentifier;

type Bundle = FluentBundle<FluentResource>;

/// The texts of one language.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Texts {
    pub(crate) language: Language,
}

/// A value in a text: a name or a number.
#[derive(Clone, Debug)]
pub(crate) struct Argument<'a>(FluentValue<'a>);

impl<'a> From<&'a str> for Argument<'a> {
    fn from(text: &'a str) -> Self {
        Self(FluentValue::from(text))
    }
}

impl<'a> From<&'a String> for Argument<'a> {
    fn from(text: &'a String) -> Self {
        Self(FluentValue::from(text.as_str()))
    }
}

// A template's own bindings are references already.
impl<'a> From<&'a &'a String> for Argument<'a> {
    fn from(text: &'a &'a String) -> Self {
        Self(FluentValue::from(text.as_str()))
    }
}

impl From<String> for Argument<'_> {
    fn from(text: String) -> Self {
        Self(FluentValue::from(text))
    }
}

macro_rules! numbers {
    ($($number:ty),*) => {$(
        impl From<$number> for Argument<'_> {
            fn from(number: $number) -> Self {
                Self(FluentValue::from(number))
            }
        }

        impl From<&$number> for Argument<'_> {
            fn from(number: &$number) -> Self {
                Self(FluentValue::from(*number))
            }
        }

        impl From<&&$number> for Argument<'_> {
            fn from(number: &&$number) -> Self {
                Self(FluentValue::from(**number))
            }
        }
    )*};
}

numbers!(u64, u32, usize, i64);

impl Texts {
    /// Returns a text without arguments.
    pub(crate) fn say(&self, id: &str) -> String {
        self.write(id, None)
    }

    /// Returns a text with one argument.
    pub(crate) fn say1<'a>(&self, id: &str, name: &'a str, value: impl Into<Argument<'a>>) -> String {
        let mut arguments = FluentArgs::new();
        arguments.set(name, value.into().0);
        self.write(id, Some(&arguments))
    }

    /// Returns a text with two arguments.
    pub(crate) fn say2<'a>(
        &self,
        id: &str,
        name: &'a str,
        value: impl Into<Argument<'a>>,
        other: &'a str,
        other_value: impl Into<Argument<'a>>,
    ) -> String {
        let mut arguments = FluentArgs::new();
        arguments.set(name, value.into().0);
        arguments.set(other, other_value.into().0);
        self.write(id, Some(&arguments))
    }

    /// Returns whether there is a text with this id.
    pub(crate) fn has(&self, id: &str) -> bool {
        bundle(self.language).is_some_and(|bundle| bundle.has_message(id))
    }

    /// Returns the text, or the id of one that doesn't exist, which a test excludes.
    fn write(&self, id: &str, arguments: Option<&FluentArgs<'_>>) -> String {
        let text = bundle(self.language).and_then(|bundle| {
            let pattern = bundle.get_message(id)?.value()?;
            let mut faults = Vec::new();
            let text = bundle.format_pattern(pattern, arguments, &mut faults).into_owned();
            faults.is_empty().then_some(text)
        });
        text.unwrap_or_else(|| {
            tracing::error!(id, language = self.language.tag(), "a text of the pages is missing");
            id.to_owned()
        })
    }
}

/// Returns the texts of a language; `None` if its file has a fault, which a test excludes.
fn bundle(language: Language) -> Option<&'static Bundle> {
    static ENGLISH: LazyLock<Option<Bundle>> = LazyLock::new(|| read("en", include_str!("../texts/en.ftl")));
    static GERMAN: LazyLock<Option<Bundle>> = LazyLock::new(|| read("de", include_str!("../texts/de.ftl")));
    match language {
        Language::English => ENGLISH.as_ref(),
        Language::German => GERMAN.as_ref(),
    }
}

fn read(tag: &str, file: &str) -> Option<Bundle> {
    let tag: LanguageIdentifier = tag.parse().ok()?;
    // The marks around each argument keep a name of the other direction in its place.
    let mut bundle = FluentBundle::new_concurrent(vec![tag]);
    bundle.add_resource(FluentResource::try_new(file.to_owned()).ok()?).ok()?;
    Some(bundle)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::fs;
    use std::path::Path;

    use super::*;

    /// Returns the ids of a file, each with the names of its arguments.
    fn messages(file: &str) -> Vec<(String, BTreeSet<String>)> {
        let mut found: Vec<(String, BTreeSet<String>)> = Vec::new();
        for line in file.lines().filter(|line| !line.starts_with('#')) {
            if let Some((id, _)) = line.split_once(" =").filter(|(id, _)| !id.starts_with([' ', '[', '*'])) {
                found.push((id.to_owned(), BTreeSet::new()));
            }
            let named = line
                .split('$')
                .skip(1)
                .map(|rest| rest.chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '-').collect::<String>());
            if let Some((_, arguments)) = found.last_mut() {
                arguments.extend(named);
            }
        }
        found
    }

    /// Returns the ids that templates and sources name.
    fn used(dir: &Path, found: &mut BTreeSet<String>) {
        for entry in fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                used(&path, found);
                continue;
            }
            let text = fs::read_to_string(&path).unwrap();
            for call in [".say(\"", ".say1(\"", ".say2(\""] {
                found.extend(text.split(call).skip(1).filter_map(|rest| rest.split('"').next()).map(str::to_owned));
            }
        }
    }

    #[test]
    fn every_text_exists_in_each_language_with_the_same_arguments() {
        let (english, german) = (messages(include_str!("../texts/en.ftl")), messages(include_str!("../texts/de.ftl")));
        assert!(english.len() > 50, "the reader of texts finds too few: {}", english.len());
        assert_eq!(english, german);
        for language in Language::ALL {
            assert!(bundle(language).is_some(), "{} has a fault", language.tag());
        }
    }

    #[test]
    fn every_text_that_a_page_names_exists() {
        let mut ids = BTreeSet::new();
        for dir in ["templates", "src"] {
            used(&Path::new(env!("CARGO_MANIFEST_DIR")).join(dir), &mut ids);
        }
        let texts = Texts { language: Language::English };
        let missing: Vec<_> = ids.iter().filter(|id| !texts.has(id)).collect();
        assert!(missing.is_empty(), "{missing:?}");
    }
}
