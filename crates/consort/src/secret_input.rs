//! Reads a password from the terminal without showing it, or from standard input if that is no terminal.

use std::io::{self, BufRead as _, IsTerminal as _, Read as _, Write as _};

use secrecy::{ExposeSecret as _, SecretString};

use crate::failure::{Failure, Result};

/// The longest input, in bytes.
const LONGEST_INPUT: u64 = 4_096;

/// Reads a password: at a terminal twice, without an echo; otherwise one line of standard input.
pub(crate) fn read_password(prompt: &str) -> Result<SecretString> {
    let stdin = io::stdin();
    if !stdin.is_terminal() {
        return line(&mut stdin.lock());
    }
    let _without_echo = WithoutEcho::begin()?;
    let first = asked(prompt)?;
    let second = asked("The same once more: ")?;
    if first.expose_secret() != second.expose_secret() {
        return Err(Failure::usage("The two passwords differ. Nothing was changed."));
    }
    Ok(first)
}

fn asked(prompt: &str) -> Result<SecretString> {
    let mut err = io::stderr().lock();
    let _ = write!(err, "{prompt}").and_then(|()| err.flush());
    let read = line(&mut io::stdin().lock());
    let _ = writeln!(err);
    read
}

fn line(input: &mut impl io::BufRead) -> Result<SecretString> {
    let mut text = String::new();
    input
        .take(LONGEST_INPUT)
        .read_line(&mut text)
        .map_err(|error| Failure::usage(format!("The password can't be read: {error}.")))?;
    let password = text.trim_end_matches(['\n', '\r']);
    if password.is_empty() {
        return Err(
            Failure::usage("No password was given.").advice("Type it at the terminal, or send it on standard input.")
        );
    }
    Ok(password.into())
}

/// Keeps the terminal from showing what is typed, until it is dropped.
#[cfg(unix)]
struct WithoutEcho(rustix::termios::Termios);

#[cfg(unix)]
impl WithoutEcho {
    fn begin() -> Result<Self> {
        use rustix::termios::{LocalModes, OptionalActions, tcgetattr, tcsetattr};
        let cannot = |error: rustix::io::Errno| Failure::new(format!("The terminal can't be made silent: {error}."));
        let before = tcgetattr(io::stdin()).map_err(cannot)?;
        let mut silent = before.clone();
        silent.local_modes.remove(LocalModes::ECHO);
        tcsetattr(io::stdin(), OptionalActions::Flush, &silent).map_err(cannot)?;
        Ok(Self(before))
    }
}

#[cfg(unix)]
impl Drop for WithoutEcho {
    fn drop(&mut self) {
        let _ = rustix::termios::tcsetattr(io::stdin(), rustix::termios::OptionalActions::Flush, &self.0);
    }
}

#[cfg(not(unix))]
struct WithoutEcho;

#[cfg(not(unix))]
impl WithoutEcho {
    fn begin() -> Result<Self> {
        Err(Failure::usage(
            "The password can't be read from this terminal without showing it. Send it on standard input.",
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn password_is_a_line_of_the_input_without_its_end() {
        let read = |text: &str| line(&mut text.as_bytes()).map(|password| password.expose_secret().to_owned());
        assert_eq!(read("correct horse\r\nmore").unwrap(), "correct horse");
        assert_eq!(read(" spaces count ").unwrap(), " spaces count ");
        assert!(read("\n").unwrap_err().to_string().contains("No password was given"));
    }
}
