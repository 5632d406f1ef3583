//! Keys that can be guessed.

use std::collections::BTreeSet;

/// The smallest number of characters of a key.
pub const SHORTEST_KEY: usize = 16;
/// The smallest number of different characters of a key.
const LEAST_DIFFERENT: usize = 8;
/// The beginning of keys that documentation shows.
const EXAMPLES: [&str; 2] = ["change-me", "changeme"];

/// The name under which the hub itself acts in timelines.
const HUB: &str = "hub";

/// Returns whether a text can be the name of a key or a user: 1 to 64 letters, digits and the signs `. _ : -`, and not
/// the hub's own name.
pub fn is_key_name(name: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._:-".contains(&byte);
    !matches!(name, "." | ".." | HUB) && (1..=64).contains(&name.len()) && name.bytes().all(is_plain)
}

/// Returns why a key is too weak, as the end of a sentence, or `None` if it isn't. The reason doesn't quote the key.
pub fn weakness(key: &str) -> Option<&'static str> {
    let key = key.trim();
    let lower = key.to_lowercase();
    if key.chars().count() < SHORTEST_KEY {
        return Some("the key must have at least 16 characters");
    }
    if EXAMPLES.iter().any(|example| lower.starts_with(example)) {
        return Some("the key is the one of the documentation; make one by chance");
    }
    let different: BTreeSet<char> = key.chars().collect();
    (different.len() < LEAST_DIFFERENT)
        .then_some("the key has too few different characters; make one by chance, such as with `openssl rand -hex 32`")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_that_can_be_guessed_are_weak() {
        for weak in ["", "short", "aaaaaaaaaaaaaaaaaaaaaaaa", "12121212121212121212", "Change-Me-To-Something-Long"] {
            assert!(weakness(weak).is_some(), "{weak}");
        }
        for good in ["0123456789abcdef", "key-of-the-discovery-system", "3f7a90b1c2d4e5f60718293a4b5c6d7e"] {
            assert_eq!(weakness(good), None, "{good}");
        }
    }
}
