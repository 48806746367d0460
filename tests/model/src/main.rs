//! `cambista-model [NAME...]` runs the deep searches, or those of these names, and says how many states each has.

use std::process::ExitCode;
use std::time::Instant;

use cambista_model::{Search, deep};

/// States at which a search gives up; a few hundred bytes each.
const MOST: usize = 40_000_000;

fn main() -> ExitCode {
    let names: Vec<String> = std::env::args().skip(1).collect();
    let searches = deep();
    if let Some(name) = names
        .iter()
        .find(|n| searches.iter().all(|s| s.name != **n))
    {
        let mut known: Vec<&str> = searches.iter().map(|s| s.name).collect();
        known.dedup();
        eprintln!("there is no search {name}; there are {}", known.join(", "));
        return ExitCode::FAILURE;
    }
    let wanted = |search: &&Search| names.is_empty() || names.iter().any(|n| n == search.name);
    let failed = searches.iter().filter(wanted).filter(|s| !holds(s)).count();
    if failed == 0 {
        ExitCode::SUCCESS
    } else {
        eprintln!("{failed} searches failed");
        ExitCode::FAILURE
    }
}

/// Runs one and says what came of it.
fn holds(search: &Search) -> bool {
    let begun = Instant::now();
    let found = search.run(MOST);
    let took = begun.elapsed().as_secs();
    match &found {
        Ok(found) => println!("{search}: {found} ({took} s)"),
        Err(error) => println!("{search}: FAILED ({took} s): {error}"),
    }
    found.is_ok()
}
