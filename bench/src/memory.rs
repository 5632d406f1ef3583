//! Anonymous memory of processes, as Linux counts it.

/// Returns the anonymous memory of this process in MB.
pub(crate) fn of_this_process() -> u64 {
    of("self")
}

/// Returns the anonymous memory of a process in MB; 0 if it has ended.
pub(crate) fn of_process(id: u32) -> u64 {
    of(&id.to_string())
}

fn of(process: &str) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:")).unwrap_or_default();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap_or_default() / 1024
}
