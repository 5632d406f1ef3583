//! The picture that an authenticator app reads.

use qrcode::{Color, QrCode};

/// Returns the number of modules on a side, and the dark ones as the path of an SVG picture.
pub(crate) fn of(text: &str) -> Option<(usize, String)> {
    let code = QrCode::new(text.as_bytes()).ok()?;
    let width = code.width();
    let mut path = String::new();
    for (index, color) in code.to_colors().into_iter().enumerate() {
        if color == Color::Dark {
            let (row, column) = (index.checked_div(width)?, index.checked_rem(width)?);
            path.push_str(&format!("M{column} {row}h1v1h-1z"));
        }
    }
    Some((width, path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn picture_has_the_three_corner_marks() {
        let (width, path) = of("otpauth://totp/Consort:ann?secret=JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP").unwrap();
        for (column, row) in [(0, 0), (width - 7, 0), (0, width - 7)] {
            for step in 0..7 {
                assert!(path.contains(&format!("M{} {row}h", column + step)), "{column} {row} {step}");
            }
        }
    }
}
