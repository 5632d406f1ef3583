//! The code with which the first user is made.

use engine::Ids;
use secrecy::{ExposeSecret as _, SecretString};
use subtle::ConstantTimeEq as _;

/// Letters and digits of the code: those that nobody confuses.
const LETTERS: &[u8; 32] = b"ABCDEFGHJKLMNPQRSTUVWXYZ23456789";

/// Returns a new code: twelve letters and digits in groups of four.
pub(crate) fn new_code(ids: &Ids) -> SecretString {
    let random = ids.secret();
    let letters =
        random.iter().take(12).filter_map(|byte| LETTERS.get(usize::from(byte % 32)).copied().map(char::from));
    let mut text = String::new();
    for (place, letter) in letters.enumerate() {
        if place > 0 && place % 4 == 0 {
            text.push('-');
        }
        text.push(letter);
    }
    text.into()
}

/// Compares a code as somebody typed it: in any case, with or without its hyphens.
pub(crate) fn is_code(code: &SecretString, typed: &str) -> bool {
    let plain = |text: &str| text.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_uppercase();
    let (code, typed) = (plain(code.expose_secret()), plain(typed));
    bool::from(code.as_bytes().ct_eq(typed.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn code_is_accepted_as_people_type_it() {
        let code = new_code(&Ids::seeded(1));
        let text = code.expose_secret();
        assert_eq!(text.len(), 14);
        assert!(is_code(&code, text) && is_code(&code, &text.to_lowercase().replace('-', " ")));
        assert!(!is_code(&code, "") && !is_code(&code, &text[..13]));
    }
}
