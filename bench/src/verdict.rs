//! The verdict of a benchmark, as it prints it and as `all` reads it.

use std::process::ExitCode;

use comfy_table::{Table, presets};

/// The beginning of a line that names a program with which a benchmark measured, and its version.
const PEER: &str = "peer: ";

/// The table, the figure and the target of a benchmark.
pub(crate) struct Verdict {
    pub(crate) table: Table,
    /// Further lines under the table, such as sizes and durations.
    pub(crate) notes: Vec<String>,
    /// The figure, in words. A semicolon would end it.
    pub(crate) figure: String,
    /// The target, in words. A semicolon would end it.
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

/// The parts of the last line of a benchmark.
#[derive(PartialEq, Eq, Debug)]
pub(crate) struct LastLine {
    pub(crate) figure: String,
    pub(crate) target: String,
    pub(crate) met: bool,
}

impl LastLine {
    /// Reads the last line of the benchmark of that name. Returns `None` if it has another form.
    pub(crate) fn read(name: &str, line: &str) -> Option<Self> {
        let parts: Vec<&str> = line.strip_prefix(name)?.strip_prefix(": ")?.split("; ").collect();
        let [figure, target, result] = parts[..] else { return None };
        let met = match result {
            "met" => true,
            "missed" => false,
            _ => return None,
        };
        Some(Self { figure: figure.to_owned(), target: target.to_owned(), met })
    }
}

/// Returns a note that names a program with which the benchmark measured.
pub(crate) fn peer(program: &str, version: &str) -> String {
    format!("{PEER}{program} {version}")
}

/// Returns the programs that the notes in an output name.
pub(crate) fn peers(output: &str) -> Vec<String> {
    output.lines().filter_map(|line| line.strip_prefix(PEER)).map(str::to_owned).collect()
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

    fn verdict() -> Verdict {
        Verdict {
            table: table(&["a"]),
            notes: Vec::new(),
            figure: "0.52 of the bare handler".to_owned(),
            target: "at least 0.40".to_owned(),
            met: true,
        }
    }

    #[test]
    fn last_line_is_name_figure_target_and_whether_it_is_met() {
        assert_eq!(verdict().line("sim"), "sim: 0.52 of the bare handler; at least 0.40; met");
    }

    #[test]
    fn last_line_is_read_as_it_was_printed() {
        for met in [true, false] {
            let printed = Verdict { met, ..verdict() };
            let read = LastLine { figure: printed.figure.clone(), target: printed.target.clone(), met };
            assert_eq!(LastLine::read("sim", &printed.line("sim")), Some(read));
        }
    }

    #[test]
    fn line_of_another_form_is_no_last_line() {
        for line in [
            "",
            "sim",
            "sim: ",
            "sim: 0.52; met",
            "sim: 0.52; at least 0.40; perhaps",
            "sim: 0.52; at least 0.40; met; met",
            "simulate: 0; 0; met",
            "error: sim: no memory",
        ] {
            assert_eq!(LastLine::read("sim", line), None, "{line}");
        }
    }

    #[test]
    fn peers_are_found_among_the_notes() {
        let output = format!("a table\n{}\n16 connections\n{}\n", peer("axum", "0.8.9"), peer("PostgreSQL", "15.13"));
        assert_eq!(peers(&output), ["axum 0.8.9", "PostgreSQL 15.13"]);
    }
}
