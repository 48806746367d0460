//! The `cambista` program: node and command line in one.

use std::process::ExitCode;

fn main() -> ExitCode {
    cambista::cli::main()
}
