//! The load generator: wrk, a program of its own.

use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;

/// Prepares all calls before the load begins, and sends them one after the other.
const SCRIPT: &str = r#"
local calls, at = {}, 0
function init(arguments)
  for path in io.lines(arguments[1]) do calls[#calls + 1] = wrk.format("GET", path) end
end
function request()
  at = at % #calls + 1
  return calls[at]
end
"#;

/// The result of one load.
#[derive(Clone, Debug)]
pub(super) struct Load {
    /// The number of answers per second.
    pub(super) rate: f64,
    /// The 99th percentile of the time of a call, as wrk prints it.
    pub(super) p99: String,
}

/// Returns the version of wrk, or what to do if there is none.
pub(super) fn version() -> Result<String, String> {
    // wrk prints its version and its usage, and exits with 1.
    let output = Command::new("wrk").arg("--version").output();
    let output = output.map_err(|error| format!("wrk can't be run ({error}). Install it: apt-get install wrk"))?;
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    Ok(said.split_whitespace().nth(1).unwrap_or("of an unknown version").to_owned())
}

/// Calls each path in turn, with this key of the API, from one thread.
pub(super) fn run(
    address: SocketAddr,
    calls: &[String],
    paths: &Path,
    connections: u32,
    seconds: u32,
    key: Option<&str>,
) -> Result<Load, String> {
    std::fs::write(paths, calls.join("\n")).map_err(|error| error.to_string())?;
    let script = paths.with_extension("lua");
    std::fs::write(&script, SCRIPT).map_err(|error| error.to_string())?;
    let mut wrk = Command::new("wrk");
    wrk.args(["--threads", "1", "--latency", "--connections", &connections.to_string()]);
    wrk.args(["--duration", &format!("{seconds}s"), "--script"]).arg(&script);
    if let Some(key) = key {
        wrk.args(["--header", &format!("Authorization: Bearer {key}")]);
    }
    let output = wrk.arg(format!("http://{address}")).arg("--").arg(paths).output();
    let output = output.map_err(|error| format!("wrk can't be run: {error}"))?;
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    read(&said).ok_or_else(|| format!("wrk measured nothing: {said}{}", String::from_utf8_lossy(&output.stderr)))
}

/// Reads the result. Returns `None` if a call failed or was refused.
fn read(said: &str) -> Option<Load> {
    if said.contains("Non-2xx or 3xx responses") || said.contains("Socket errors") {
        return None;
    }
    let after = |label: &str| said.lines().find_map(|line| line.trim().strip_prefix(label)).map(str::trim);
    let rate = after("Requests/sec:")?.parse().ok().filter(|rate| *rate > 0.0)?;
    Some(Load { rate, p99: after("99%")?.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    const SAID: &str = "Running 1s test @ http://127.0.0.1:1\n  1 threads and 64 connections\n  Thread Stats   Avg      Stdev\n    \
        Latency     2.10ms\n  Latency Distribution\n     50%    2.00ms\n     99%    4.27ms\n  30000 requests in 1.00s\n\
        Requests/sec:  29871.35\nTransfer/sec:     55.10MB\n";

    #[test]
    fn rate_and_percentile_are_read_and_a_refused_call_is_no_result() {
        let load = read(SAID).unwrap();
        assert_eq!((load.rate, load.p99.as_str()), (29871.35, "4.27ms"));
        assert!(read(&format!("{SAID}  Non-2xx or 3xx responses: 7\n")).is_none());
        assert!(read(&format!("{SAID}  Socket errors: connect 0, read 3\n")).is_none());
        assert!(read("unable to connect").is_none());
    }
}
