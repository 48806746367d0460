//! `cambista` with failpoints, for the crash matrix.

use std::process::ExitCode;

fn main() -> ExitCode {
    cambista::cli::main()
}
