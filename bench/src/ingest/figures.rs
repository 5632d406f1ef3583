//! What one harvest cost.

use std::process::Command;

use serde_json::{Value, json};

/// The figures of a harvest.
#[derive(Clone, Copy, Debug)]
pub(super) struct Figures {
    pub(super) records: u64,
    /// Records that could not be read.
    pub(super) failed: u64,
    pub(super) seconds: f64,
    /// Of the harvester, without the source.
    pub(super) cpu_seconds: f64,
    /// The largest anonymous memory, in MB; 0 where it wasn't measured.
    pub(super) memory_mb: u64,
    /// What follows a harvest.
    pub(super) after: After,
}

/// Grouping and index after a harvest; 0 where there is none.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct After {
    pub(super) grouping: Stage,
    pub(super) indexing: Stage,
    pub(super) groups: u64,
}

/// What a stage took.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Stage {
    pub(super) seconds: f64,
    pub(super) cpu_seconds: f64,
    pub(super) memory_mb: u64,
}

impl Stage {
    /// One line for the report.
    pub(super) fn line(self, name: &str, records: u64) -> String {
        let records = records as f64;
        format!(
            "{name}: {:.0} records/s, {:.1} µs of a processor a record, {} MB",
            records / self.seconds.max(f64::EPSILON),
            self.cpu_seconds * 1e6 / records.max(1.0),
            self.memory_mb
        )
    }

    fn to_json(self) -> Value {
        json!([self.seconds, self.cpu_seconds, self.memory_mb])
    }

    fn read(value: &Value) -> Self {
        let number = |at: usize| value[at].as_f64().unwrap_or_default();
        Self { seconds: number(0), cpu_seconds: number(1), memory_mb: number(2) as u64 }
    }
}

impl Figures {
    pub(super) fn rate(&self) -> f64 {
        self.records as f64 / self.seconds.max(f64::EPSILON)
    }

    /// Processor time of a record in microseconds.
    pub(super) fn micros_each(&self) -> f64 {
        self.cpu_seconds * 1e6 / (self.records as f64).max(1.0)
    }

    pub(super) fn row(&self, name: &str) -> Vec<String> {
        let memory = if self.memory_mb > 0 { format!("{} MB", self.memory_mb) } else { String::new() };
        vec![
            name.to_owned(),
            self.records.to_string(),
            self.failed.to_string(),
            format!("{:.0}", self.rate()),
            format!("{:.1}", self.micros_each()),
            memory,
        ]
    }

    pub(super) fn to_json(self) -> Value {
        json!({"records": self.records, "failed": self.failed, "seconds": self.seconds, "cpu_seconds": self.cpu_seconds,
            "memory_mb": self.memory_mb, "grouping": self.after.grouping.to_json(),
            "indexing": self.after.indexing.to_json(), "groups": self.after.groups})
    }

    /// Reads the figures that a process printed.
    pub(super) fn of_output(command: &mut Command) -> Result<Self, String> {
        let output = command.output().map_err(|error| format!("it can't be started: {error}"))?;
        if !output.status.success() {
            return Err(format!("a harvest failed: {}", String::from_utf8_lossy(&output.stderr)));
        }
        let value: Value = serde_json::from_slice(&output.stdout).map_err(|error| error.to_string())?;
        let number = |key: &str| value[key].as_f64().unwrap_or_default();
        Ok(Self {
            records: number("records") as u64,
            failed: number("failed") as u64,
            seconds: number("seconds"),
            cpu_seconds: number("cpu_seconds"),
            memory_mb: number("memory_mb") as u64,
            after: After {
                grouping: Stage::read(&value["grouping"]),
                indexing: Stage::read(&value["indexing"]),
                groups: number("groups") as u64,
            },
        })
    }
}

/// Runs this program as a harvester of a source.
pub(super) fn of_process(role: &str, url: &str) -> Result<Figures, String> {
    let program = std::env::current_exe().map_err(|error| error.to_string())?;
    Figures::of_output(Command::new(program).args([role, url]))
}

/// Processor time of this process so far, in seconds.
pub(super) fn cpu_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    let ticks = |at: usize| fields.get(at).and_then(|text| text.parse::<f64>().ok()).unwrap_or_default();
    // Linux counts them in hundredths of a second.
    (ticks(11) + ticks(12)) / 100.0
}
