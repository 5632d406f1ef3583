//! The peer Zebra: zebraidx makes its register, zebrasrv answers yaz-client over Z39.50.

use std::fmt::Write as _;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use super::figures::{Answers, size_of};
use super::records::Made;
use super::{PAGE, ROUNDS};
use crate::memory;

/// Takes each child of the file's outermost element as a record. Its elements name their index themselves.
const RECORDS: &str = r#"<dom xmlns="http://indexdata.com/zebra-2.0">
  <input><xmlreader level="1"/></input>
  <extract/>
  <retrieve name="F"/>
</dom>
"#;
const INSTALL: &str = "apt-get install idzebra-2.0 yaz";
/// The time in which zebrasrv must listen.
const UNTIL: Duration = Duration::from_secs(10);

/// Searches with all queries, without an order and ordered by relevance. Returns the version too.
pub(super) fn measure(made: &Made) -> Result<(Answers, Answers, String), String> {
    let version = version()?;
    let folder = made.directory.join("zebra");
    let register = folder.join("register");
    std::fs::create_dir_all(&register).map_err(|error| error.to_string())?;
    std::fs::write(folder.join("records.xml"), RECORDS).map_err(|error| error.to_string())?;
    std::fs::write(folder.join("zebra.cfg"), configuration(&folder, &register)).map_err(|error| error.to_string())?;
    zebraidx(&folder, &["init"])?;
    let words = made.xml().with_file_name("");
    zebraidx(&folder, &["update", &words.to_string_lossy()])?;
    let server = Server::start(&folder)?;
    let mut plain = server.rounds(&made.queries, "")?;
    plain.bytes = size_of(&register)?;
    // Attribute 2=102 is relevance.
    let mut ranked = server.rounds(&made.queries, "@attr 2=102 ")?;
    ranked.bytes = plain.bytes;
    Ok((plain, ranked, version))
}

fn version() -> Result<String, String> {
    let missing = |error| format!("zebraidx and yaz-client are needed ({error}). Install them: {INSTALL}");
    let output = Command::new("zebraidx").arg("-V").output().map_err(missing)?;
    Command::new("yaz-client").arg("-V").output().map_err(missing)?;
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let number = |word: &&str| word.starts_with(|c: char| c.is_ascii_digit());
    Ok(said.split_whitespace().find(number).unwrap_or("of an unknown version").to_owned())
}

fn configuration(folder: &Path, register: &Path) -> String {
    let folder = folder.display();
    let register = register.display();
    format!(
        "profilePath: {folder}:/usr/share/idzebra-2.0/tab\nattset: bib1.att\nrecordType: dom.{folder}/records.xml\n\
         register: {register}:20G\nstoreData: 1\nstoreKeys: 0\n"
    )
}

fn zebraidx(folder: &Path, arguments: &[&str]) -> Result<(), String> {
    let mut command = Command::new("zebraidx");
    command.current_dir(folder).args(["-v", "fatal,warn", "-c", "zebra.cfg"]).args(arguments);
    let output = command.output().map_err(|error| error.to_string())?;
    if output.status.success() {
        return Ok(());
    }
    Err(format!("zebraidx {} failed: {}", arguments[0], String::from_utf8_lossy(&output.stderr)))
}

/// A running zebrasrv. It ends when this value is dropped.
struct Server {
    child: Child,
    socket: PathBuf,
}

impl Server {
    fn start(folder: &Path) -> Result<Self, String> {
        let socket = folder.join("socket");
        let mut command = Command::new("zebrasrv");
        // -S: one process answers all.
        command.current_dir(folder).args(["-S", "-v", "fatal", "-c", "zebra.cfg"]);
        command.arg(format!("unix:{}", socket.display())).stdout(Stdio::null()).stderr(Stdio::null());
        let child = command.spawn().map_err(|error| format!("zebrasrv can't be started: {error}"))?;
        let server = Self { child, socket };
        let begun = Instant::now();
        while UnixStream::connect(&server.socket).is_err() {
            if begun.elapsed() > UNTIL {
                return Err("zebrasrv doesn't listen".to_owned());
            }
            std::thread::yield_now();
        }
        Ok(server)
    }

    fn rounds(&self, queries: &[Vec<String>], order: &str) -> Result<Answers, String> {
        let mut answers = self.search(queries, order)?;
        for _ in 1..ROUNDS {
            answers.shorten(&self.search(queries, order)?);
        }
        Ok(answers)
    }

    fn search(&self, queries: &[Vec<String>], order: &str) -> Result<Answers, String> {
        let commands = self.socket.with_file_name("commands");
        std::fs::write(&commands, script(&self.socket, queries, order)).map_err(|error| error.to_string())?;
        let output = Command::new("yaz-client").arg("-f").arg(&commands).stdin(Stdio::null()).output();
        let output = output.map_err(|error| error.to_string())?;
        let mut answers = read(&String::from_utf8_lossy(&output.stdout));
        if answers.counts.len() != queries.len() {
            return Err(format!("zebrasrv answered {} of {} queries", answers.counts.len(), queries.len()));
        }
        answers.memory_mb = memory::of_process(self.child.id());
        Ok(answers)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Returns the commands of yaz-client: each query, and the first page of its results.
fn script(socket: &Path, queries: &[Vec<String>], order: &str) -> String {
    let mut script = format!("open unix:{}\nbase Default\nformat xml\nelements F\n", socket.display());
    for query in queries {
        let and = "@and ".repeat(query.len() - 1);
        let words: String = query.iter().map(|word| format!("@attr 1=any {word} ")).collect();
        let _ = writeln!(script, "find {order}{and}{words}\nshow 1+{PAGE}");
    }
    script + "quit\n"
}

/// Reads what yaz-client printed: the number of results of each query, and the time of the search and of its page.
fn read(printed: &str) -> Answers {
    let mut answers = Answers::default();
    for line in printed.lines() {
        if let Some(rest) = line.strip_prefix("Number of hits: ") {
            answers.counts.extend(rest.split(',').next().and_then(|number| number.trim().parse::<u64>().ok()));
            answers.millis.push(0.0);
        } else if let Some(seconds) = line.strip_prefix("Elapsed: ").and_then(|text| text.trim().parse::<f64>().ok())
            && let Some(millis) = answers.millis.last_mut()
        {
            *millis += seconds * 1e3;
        }
    }
    answers
}

#[cfg(test)]
mod tests {
    use super::read;

    #[test]
    fn time_of_a_query_is_that_of_its_search_and_its_page() {
        let printed = "Elapsed: 0.5\nNumber of hits: 12, setno 1\nElapsed: 0.001\nRecords: 12\nElapsed: 0.002\n\
                       Number of hits: 0, setno 2\nElapsed: 0.004\n";
        let answers = read(printed);
        assert_eq!(answers.counts, [12, 0]);
        assert_eq!(answers.millis, [3.0, 4.0]);
    }
}
