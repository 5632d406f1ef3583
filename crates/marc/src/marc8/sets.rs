//! The character sets of MARC-8, by code from hexadecimal 21 to 7E.
//!
//! Source: "MARC 21 Specifications for Record Structure, Character Sets, and Exchange Media: Code Tables", Library of
//! Congress. U+FFFD marks a code without a character; characters are in composed form (NFC). A set in the upper half of
//! the code has bit 8 set.

/// Six rows of 16 codes; the first and the last row lack one.
pub(super) type Set = [&'static str; 6];

/// Extended Latin (ANSEL, final `E`).
pub(super) const ANSEL: Set = [
    "ŁØĐÞÆŒʹ·♭®±ƠƯʼ\u{FFFD}",
    "ʻłøđþæœʺı£ð\u{FFFD}ơư\u{FFFD}\u{FFFD}",
    "°ℓ℗©♯¿¡ß€\u{FFFD}\u{FFFD}\u{FFFD}\u{FFFD}\u{FFFD}\u{FFFD}\u{FFFD}",
    "\u{FFFD}\u{FFFD}\u{FFFD}\u{FFFD}\u{FFFD}\u{FFFD}\u{FFFD}\u{FFFD}\u{FFFD}\u{FFFD}\u{FFFD}\u{FFFD}\u{FFFD}\u{FFFD}\u{FFFD}\u{FFFD}",
    "\u{309}\u{300}\u{301}\u{302}\u{303}\u{304}\u{306}\u{307}\u{308}\u{30C}\u{30A}\u{FE20}\u{FE21}\u{315}\u{30B}\u{310}",
    "\u{327}\u{328}\u{323}\u{324}\u{325}\u{333}\u{332}\u{326}\u{31C}\u{32E}\u{FE22}\u{FE23}\u{FFFD}\u{FFFD}\u{313}",
];

/// Basic Hebrew (final `2`).
pub(super) const HEBREW: Set = [
    "!\u{5F4}#$%&\u{5F3}()*+,\u{5BE}./",
    "0123456789:;<=>?",
    "\u{5B7}\u{5B8}\u{5B6}\u{5B5}\u{5B4}\u{5B9}\u{5BB}\u{5B0}\u{5B2}\u{5B3}\u{5B1}\u{5BC}\u{5BF}\u{5C1}\u{FB1E}\u{FFFD}",
    "\u{FFFD}\u{FFFD}\u{FFFD}\u{FFFD}\u{FFFD}\u{FFFD}\u{FFFD}\u{FFFD}\u{FFFD}\u{FFFD}\u{FFFD}[\u{FFFD}]\u{FFFD}\u{FFFD}",
    "\u{5D0}\u{5D1}\u{5D2}\u{5D3}\u{5D4}\u{5D5}\u{5D6}\u{5D7}\u{5D8}\u{5D9}\u{5DA}\u{5DB}\u{5DC}\u{5DD}\u{5DE}\u{5DF}",
    "\u{5E0}\u{5E1}\u{5E2}\u{5E3}\u{5E4}\u{5E5}\u{5E6}\u{5E7}\u{5E8}\u{5E9}\u{5EA}\u{5F0}\u{5F1}\u{5F2}\u{FFFD}",
];

/// Basic Arabic (final `3`).
pub(super) const ARABIC: Set = [
    "!\"#$\u{66A}&'()\u{66D}+\u{60C}-./",
    "\u{660}\u{661}\u{662}\u{663}\u{664}\u{665}\u{666}\u{667}\u{668}\u{669}:\u{61B}<=>\u{61F}",
    "\u{FFFD}\u{621}\u{622}\u{623}\u{624}\u{625}\u{626}\u{627}\u{628}\u{629}\u{62A}\u{62B}\u{62C}\u{62D}\u{62E}\u{62F}",
    "\u{630}\u{631}\u{632}\u{633}\u{634}\u{635}\u{636}\u{637}\u{638}\u{639}\u{63A}[\u{FFFD}]\u{FFFD}\u{FFFD}",
    "\u{640}\u{641}\u{642}\u{643}\u{644}\u{645}\u{646}\u{647}\u{648}\u{649}\u{64A}\u{64B}\u{64C}\u{64D}\u{64E}\u{64F}",
    "\u{650}\u{651}\u{652}\u{671}\u{670}\u{FFFD}\u{FFFD}\u{FFFD}\u{66C}”“\u{FFFD}\u{FFFD}\u{FFFD}\u{FFFD}",
];

/// Extended Arabic (final `4`).
pub(super) const ARABIC_EXTENDED: Set = [
    "\u{6FD}\u{672}\u{673}\u{679}\u{67A}\u{67B}\u{67C}\u{67D}\u{67E}\u{67F}\u{680}\u{681}\u{682}\u{683}\u{684}",
    "\u{685}\u{686}\u{6BF}\u{687}\u{688}\u{689}\u{68A}\u{68B}\u{68C}\u{68D}\u{68E}\u{68F}\u{690}\u{691}\u{692}\u{693}",
    "\u{694}\u{695}\u{696}\u{697}\u{698}\u{699}\u{69A}\u{69B}\u{69C}\u{6FA}\u{69D}\u{69E}\u{6FB}\u{69F}\u{6A0}\u{6FC}",
    "\u{6A1}\u{6A2}\u{6A3}\u{6A4}\u{6A5}\u{6A6}\u{6A7}\u{6A8}\u{6A9}\u{6AA}\u{6AB}\u{6AC}\u{6AD}\u{6AE}\u{6AF}\u{6B0}",
    "\u{6B1}\u{6B2}\u{6B3}\u{6B4}\u{6B5}\u{6B6}\u{6B7}\u{6B8}\u{6BA}\u{6BB}\u{6BC}\u{6BD}\u{6B9}\u{6BE}\u{6C0}\u{6C4}",
    "\u{6C5}\u{6C6}\u{6CA}\u{6CB}\u{6CD}\u{6CE}\u{6D0}\u{6D2}\u{6D3}\u{FFFD}\u{FFFD}\u{FFFD}\u{FFFD}\u{306}\u{30C}",
];

/// Basic Cyrillic (final `N`).
pub(super) const CYRILLIC: Set = [
    "!\"#$%&'()*+,-./",
    "0123456789:;<=>?",
    "юабцдефгхийклмно",
    "пярстужвьызшэщчъ",
    "ЮАБЦДЕФГХИЙКЛМНО",
    "ПЯРСТУЖВЬЫЗШЭЩЧ",
];

/// Extended Cyrillic (final `Q`).
pub(super) const CYRILLIC_EXTENDED: Set = [
    "\u{FFFD}\u{FFFD}\u{FFFD}\u{FFFD}\u{FFFD}\u{FFFD}\u{FFFD}\u{FFFD}\u{FFFD}\u{FFFD}\u{FFFD}\u{FFFD}\u{FFFD}\u{FFFD}\u{FFFD}",
    "\u{FFFD}\u{FFFD}\u{FFFD}\u{FFFD}\u{FFFD}\u{FFFD}\u{FFFD}\u{FFFD}\u{FFFD}\u{FFFD}\u{FFFD}\u{FFFD}\u{FFFD}\u{FFFD}\u{FFFD}\u{FFFD}",
    "ґђѓєёѕіїјљњћќўџ\u{FFFD}",
    "ѣѳѵѫ\u{FFFD}\u{FFFD}\u{FFFD}\u{FFFD}\u{FFFD}\u{FFFD}\u{FFFD}[\u{FFFD}]\u{FFFD}_",
    "ҐЂЃЄЁЅІЇЈЉЊЋЌЎЏЪ",
    "ѢѲѴѪ\u{FFFD}\u{FFFD}\u{FFFD}\u{FFFD}\u{FFFD}\u{FFFD}\u{FFFD}\u{FFFD}\u{FFFD}\u{FFFD}\u{FFFD}",
];

/// Basic Greek (final `S`).
pub(super) const GREEK: Set = [
    "\u{300}\u{301}\u{308}\u{342}\u{313}\u{314}\u{345}\u{FFFD}\u{FFFD}\u{FFFD}\u{FFFD}\u{FFFD}\u{FFFD}\u{FFFD}\u{FFFD}",
    "«»“”ʹ͵\u{FFFD}\u{FFFD}\u{FFFD}\u{FFFD}\u{FFFD}·\u{FFFD}\u{FFFD}\u{FFFD};",
    "\u{FFFD}ΑΒ\u{FFFD}ΓΔΕϚϜΖΗΘΙΚΛΜ",
    "ΝΞΟΠϞΡΣ\u{FFFD}ΤΥΦΧΨΩϠ\u{FFFD}",
    "\u{FFFD}αβϐγδεϛϝζηθικλμ",
    "νξοπϟρσςτυφχψωϡ",
];

/// Subscripts (final `b`).
pub(super) const SUBSCRIPTS: Set = [
    "\u{FFFD}\u{FFFD}\u{FFFD}\u{FFFD}\u{FFFD}\u{FFFD}\u{FFFD}₍₎\u{FFFD}₊\u{FFFD}₋\u{FFFD}\u{FFFD}",
    "₀₁₂₃₄₅₆₇₈₉",
    "",
    "",
    "",
    "",
];

/// Superscripts (final `p`).
pub(super) const SUPERSCRIPTS: Set = [
    "\u{FFFD}\u{FFFD}\u{FFFD}\u{FFFD}\u{FFFD}\u{FFFD}\u{FFFD}⁽⁾\u{FFFD}⁺\u{FFFD}⁻\u{FFFD}\u{FFFD}",
    "⁰¹²³⁴⁵⁶⁷⁸⁹",
    "",
    "",
    "",
    "",
];

/// Greek symbols (final `g`).
pub(super) const GREEK_SYMBOLS: Set = ["", "", "", "", "\u{FFFD}αβγ", ""];

/// Returns the character at a code, if there is one.
pub(super) fn character(set: &Set, code: u8) -> Option<char> {
    let cell = usize::from(code & 0x7F).checked_sub(0x20)?;
    // The first row starts at 21.
    let column = if cell < 16 { cell.checked_sub(1)? } else { cell % 16 };
    set.get(cell / 16)?.chars().nth(column).filter(|c| *c != char::REPLACEMENT_CHARACTER)
}
