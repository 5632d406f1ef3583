//! The program `consort`; the library of the same name contains it.

use std::process::ExitCode;

fn main() -> ExitCode {
    consort::run(std::env::args_os())
}
