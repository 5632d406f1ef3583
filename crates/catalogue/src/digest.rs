//! Digests by which changed content is noticed.

/// Returns the 64-bit FNV-1a digest of some parts. Stored digests are compared with it, so it must never change.
pub(crate) fn digest<'a>(parts: impl IntoIterator<Item = &'a [u8]>) -> i64 {
    let mut digest: u64 = 0xcbf2_9ce4_8422_2325;
    for part in parts {
        for byte in part {
            digest = (digest ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        }
        // The end of a part counts, so that a byte can't move to the next one unnoticed.
        digest = (digest ^ 0x1ff).wrapping_mul(0x0100_0000_01b3);
    }
    digest.cast_signed()
}

#[cfg(test)]
mod tests {
    use super::digest;

    #[test]
    fn digest_differs_with_the_parts_and_their_order() {
        let of = |parts: &[&str]| digest(parts.iter().map(|part| part.as_bytes()));
        assert_eq!(of(&["ab", "c"]), of(&["ab", "c"]));
        assert_ne!(of(&["ab", "c"]), of(&["a", "bc"]));
        assert_ne!(of(&["ab"]), of(&["ab", ""]));
    }
}
