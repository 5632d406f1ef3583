//! Tables in the output: fitted to a terminal's width, and one plain line for each row where the output isn't a
//! terminal.

use std::io::IsTerminal;

use unicode_width::UnicodeWidthStr;

/// The space between two columns.
const GAP: usize = 2;
/// A column isn't made narrower than this to fit the terminal.
const LEAST: usize = 12;
/// The width and height of a terminal that doesn't report them.
const USUAL: (usize, usize) = (80, 24);

/// A table: headings and rows.
#[derive(Debug)]
pub(crate) struct Table {
    headings: Vec<String>,
    rows: Vec<Vec<String>>,
}

/// Creates a table with these headings.
pub(crate) fn table(headings: &[&str]) -> Table {
    Table { headings: headings.iter().map(|&heading| heading.to_owned()).collect(), rows: Vec::new() }
}

impl Table {
    /// Adds a row. Line breaks and other control characters become spaces.
    pub(crate) fn add_row<T: Into<String>>(&mut self, cells: impl IntoIterator<Item = T>) {
        let printable = |cell: T| -> String {
            let cell: String = cell.into();
            cell.chars().map(|letter| if letter.is_control() { ' ' } else { letter }).collect()
        };
        let mut row: Vec<String> = cells.into_iter().map(printable).collect();
        row.resize(self.headings.len(), String::new());
        self.rows.push(row);
    }

    /// Returns the table as text for a width; `None` if the reader isn't a terminal.
    ///
    /// A table that is too wide for the terminal gets narrower columns of several lines. A word is never divided, so
    /// that ids and codes can be copied. If the words alone are too wide, each row becomes a list of its cells.
    pub(crate) fn render(&self, width: Option<usize>) -> String {
        let natural = self.widths(|cell| cell.width());
        let Some(width) = width else { return self.plain(&natural) };
        match self.fit(natural, width) {
            Some(widths) => self.columns(&widths),
            None => self.lists(width),
        }
    }

    /// Returns the largest measure of each column's cells and heading.
    fn widths(&self, measure: impl Fn(&str) -> usize) -> Vec<usize> {
        (0..self.headings.len())
            .map(|column| {
                let cells = self.rows.iter().map(|row| measure(&row[column]));
                cells.chain([measure(&self.headings[column])]).max().unwrap_or_default()
            })
            .collect()
    }

    /// Returns widths with which the table fits, or `None` if there are none.
    fn fit(&self, natural: Vec<usize>, width: usize) -> Option<Vec<usize>> {
        let words = self.widths(|cell| cell.split_whitespace().map(|word| word.width()).max().unwrap_or_default());
        let gaps = GAP * natural.len().saturating_sub(1);
        let mut widths = natural;
        let mut excess = (widths.iter().sum::<usize>() + gaps).saturating_sub(width);
        while excess > 0 {
            let spare = |column: usize| widths[column].saturating_sub(words[column].max(LEAST));
            let widest = (0..widths.len()).filter(|&column| spare(column) > 0).max_by_key(|&column| widths[column])?;
            widths[widest] -= 1;
            excess -= 1;
        }
        Some(widths)
    }

    fn plain(&self, widths: &[usize]) -> String {
        let lines = std::iter::once(&self.headings).chain(&self.rows);
        lines.map(|row| line(row, widths)).collect::<Vec<_>>().join("\n")
    }

    fn columns(&self, widths: &[usize]) -> String {
        let rule = widths.iter().map(|width| "─".repeat(*width)).collect::<Vec<_>>().join(&" ".repeat(GAP));
        let mut lines = vec![line(&self.headings, widths), rule];
        for row in &self.rows {
            let cells: Vec<Vec<String>> = row.iter().zip(widths).map(|(cell, width)| wrap(cell, *width)).collect();
            let height = cells.iter().map(Vec::len).max().unwrap_or_default();
            for at in 0..height {
                let part: Vec<String> = cells.iter().map(|cell| cell.get(at).cloned().unwrap_or_default()).collect();
                lines.push(line(&part, widths));
            }
        }
        lines.join("\n")
    }

    fn lists(&self, width: usize) -> String {
        let indent = self.headings.iter().map(|heading| heading.width()).max().unwrap_or_default() + GAP;
        let row = |row: &Vec<String>| {
            let cells = row.iter().zip(&self.headings).filter(|(cell, _)| !cell.trim().is_empty());
            let cells = cells.flat_map(|(cell, heading)| {
                let parts = wrap(cell, width.saturating_sub(indent).max(LEAST)).into_iter().enumerate();
                parts.map(move |(at, part)| {
                    let heading = if at == 0 { heading.as_str() } else { "" };
                    format!("{}{part}", padded(heading, indent))
                })
            });
            cells.collect::<Vec<_>>().join("\n")
        };
        self.rows.iter().map(row).collect::<Vec<_>>().join("\n\n")
    }
}

impl std::fmt::Display for Table {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.render(terminal_width()))
    }
}

/// Returns the width of the terminal that standard output is, or `None` if it is none.
pub(crate) fn terminal_width() -> Option<usize> {
    terminal_size().map(|(width, _)| width)
}

/// Returns the width and height of the terminal that standard output is, or `None` if it is none.
pub(crate) fn terminal_size() -> Option<(usize, usize)> {
    if !std::io::stdout().is_terminal() {
        return None;
    }
    Some(reported_size().filter(|(width, _)| *width >= 20).unwrap_or(USUAL))
}

#[cfg(unix)]
fn reported_size() -> Option<(usize, usize)> {
    let size = rustix::termios::tcgetwinsize(std::io::stdout()).ok()?;
    Some((size.ws_col.into(), size.ws_row.into()))
}

#[cfg(not(unix))]
fn reported_size() -> Option<(usize, usize)> {
    let number = |name: &str| std::env::var(name).ok()?.parse().ok();
    Some((number("COLUMNS")?, number("LINES")?))
}

/// Returns text in lines of at most this width. Only a single word can be wider.
pub(crate) fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split_whitespace() {
        let last = lines.len() - 1;
        if lines[last].is_empty() {
            lines[last].push_str(word);
        } else if lines[last].width() + 1 + word.width() <= width {
            lines[last].push(' ');
            lines[last].push_str(word);
        } else {
            lines.push(word.to_owned());
        }
    }
    lines
}

fn line(cells: &[String], widths: &[usize]) -> String {
    let cells: Vec<String> = cells.iter().zip(widths).map(|(cell, width)| padded(cell, *width)).collect();
    cells.join(&" ".repeat(GAP)).trim_end().to_owned()
}

/// Returns text with spaces after it up to a width. Wide characters, as in Chinese titles, count twice.
fn padded(text: &str, width: usize) -> String {
    format!("{text}{}", " ".repeat(width.saturating_sub(text.width())))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "01a21461-0000-7000-8000-000000000001";

    fn requests() -> Table {
        let mut table = table(&["id", "status", "outcome", "placed", "title"]);
        table.add_row([ID, "LOANED", "", "2026-03-03T10:00:00Z", "Cats & dogs : \"a < b\" and other <signs>"]);
        table.add_row([ID, "REQUEST_PLACED_AT_BORROWING_AGENCY", "", "2026-03-03T10:00:00Z", "紅樓夢"]);
        table
    }

    #[test]
    fn table_fits_every_width_and_divides_no_word() {
        for width in [80, 100, 132, 200] {
            let text = requests().render(Some(width));
            assert!(text.lines().all(|line| line.width() <= width), "{width}:\n{text}");
            for word in [ID, "REQUEST_PLACED_AT_BORROWING_AGENCY", "2026-03-03T10:00:00Z", "<signs>"] {
                assert!(text.contains(word), "{width}: {word}:\n{text}");
            }
        }
    }

    #[test]
    fn long_text_is_wrapped_in_its_column() {
        let mut table = table(&["", "checked", "found"]);
        let found =
            "Alma has no library NOWHERE. It has: MAIN, BRANCH, SHARING, DCB_LIB, RES_SHARE. Correct the setting.";
        table.add_row(["MISSING", "sharing_library", found]);
        let text = table.render(Some(80));
        assert!(text.lines().count() > 3 && text.lines().all(|line| line.width() <= 80), "{text}");
        assert!(
            text.lines().nth(2).is_some_and(|line| line.starts_with("MISSING  sharing_library  Alma has")),
            "{text}"
        );
    }

    #[test]
    fn row_is_one_line_without_rules_if_the_reader_is_no_terminal() {
        let mut table = requests();
        table.add_row([ID, "LOANED", "", "", "a title\nof two lines"]);
        let text = table.render(None);
        assert_eq!(text.lines().count(), 4, "{text}");
        assert!(!text.contains('─') && !text.contains('|'), "{text}");
        assert!(text.ends_with("a title of two lines"), "{text}");
    }
}
