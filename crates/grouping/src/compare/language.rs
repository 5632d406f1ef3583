//! Compares languages.

use super::Agreement;

pub(super) fn compare(a: &str, b: &str) -> Agreement {
    if a.is_empty() || b.is_empty() {
        Agreement::Unknown
    } else if a == b {
        Agreement::Same
    } else {
        Agreement::Unlike
    }
}
