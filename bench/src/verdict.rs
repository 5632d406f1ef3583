//! The verdict of a benchmark.

use std::process::ExitCode;

use comfy_table::{Table, presets};

/// The table, the figure and the target of a benchmark.
pub(crate) struct Verdict {
    pub(crate) table: Table,
    /// Further lines under the table, such as sizes and durations.
    pub(crate) notes: Vec<String>,
    /// The figure, in words.
    pub(crate) figure: String,
    /// The target, in words.
    pub(crate) target: String,
    /// Whether the target is met.
    pub(crate) met: bool,
}

impl Verdict {
    /// Prints the verdict; the last line is for programs.
    pub(crate) fn print(&self, name: &str) -> ExitCode {
        println!("{}", self.table);
        for note in &self.notes {
            println!("{note}");
        }
        println!("{}", self.line(name));
        if self.met { ExitCode::SUCCESS } else { ExitCode::from(1) }
    }

    fn line(&self, name: &str) -> String {
        format!("{name}: {}; {}; {}", self.figure, self.target, if self.met { "met" } else { "missed" })
    }
}

/// Formats a plain table.
pub(crate) fn table(headings: &[&str]) -> Table {
    let mut table = Table::new();
    table.load_preset(presets::UTF8_HORIZONTAL_ONLY).set_header(headings.iter().copied());
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn last_line_is_name_figure_target_and_whether_it_is_met() {
        let verdict = Verdict {
            table: table(&["a"]),
            notes: Vec::new(),
            figure: "0.52 of the bare handler".to_owned(),
            target: "at least 0.40".to_owned(),
            met: true,
        };
        assert_eq!(verdict.line("sim"), "sim: 0.52 of the bare handler; at least 0.40; met");
    }
}
