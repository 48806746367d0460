//! Whole swaps of two production engines over a simulated world: one seed is one swap with everything that goes wrong.
//!
//! Chain, mempool, wallets, Lightning, peers, clock and randomness are simulated; the engine and its SQLite store are the
//! real ones. A node crashes at any call of a port: before a commit, after it, or between two effects. What was not
//! committed is lost, and so is what its Lightning had not written. After a phase of faults the world heals, and both
//! sides must end with their money where it belongs. A seed and a version of the source give the same run again.

mod afterwards;
mod chain;
mod check;
mod deposits;
mod feed;
mod floor;
mod guard;
mod life;
mod lightning;
mod mirror;
mod mischief;
mod node;
mod open;
mod plan;
mod ports;
mod rng;
mod rogue;
mod run;
mod treason;
mod trouble;
mod wallet;
mod world;

use node::lock;
use run::Run;

pub use treason::Treason;

/// How one run went.
#[derive(Clone, Debug)]
pub struct Report {
    /// The seed.
    pub seed: u64,
    /// How both sides ended, in words.
    pub end: String,
    /// What went against the rules; empty when all is well.
    pub violations: Vec<String>,
    /// What happened, line by line, each with the chain's height.
    pub trace: Vec<String>,
}

/// Runs one seed.
///
/// # Errors
/// When there is no place for the databases or no runtime.
pub fn run(seed: u64) -> Result<Report, std::io::Error> {
    run_with(seed, None)
}

/// Runs one seed with a fault no node has. The report must say so: this is how the checks themselves are tested.
///
/// # Errors
/// As [`run`].
pub fn run_with_treason(seed: u64, treason: Treason) -> Result<Report, std::io::Error> {
    run_with(seed, Some(treason))
}

fn run_with(seed: u64, treason: Option<Treason>) -> Result<Report, std::io::Error> {
    let memory = std::path::Path::new("/dev/shm");
    let folder = if memory.is_dir() {
        tempfile::tempdir_in(memory)?
    } else {
        tempfile::tempdir()?
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .event_interval(997)
        .build()?;
    let path = folder.path().to_owned();
    // As a task of its own the run takes its turn with the engines, without a look at the clock between any two turns.
    let run = runtime.spawn(async move {
        let mut run = Run::new(seed, &path, treason);
        let ended = run.whole().await;
        report(seed, &run, ended)
    });
    runtime.block_on(run).map_err(std::io::Error::other)
}

fn report(seed: u64, run: &Run, ended: Result<bool, String>) -> Report {
    let stored = [0, 1].map(|who| {
        let node = run.nodes[who].as_ref();
        let stored = node.map(|node| node.stored());
        stored.transpose()
    });
    let mut world = lock(&run.shared);
    let stored = stored.map(|stored| match stored {
        Ok(stored) => stored.unwrap_or_default(),
        Err(reason) => {
            world.wrong(reason);
            Vec::new()
        }
    });
    match ended {
        Ok(true) => {}
        Ok(false) => world.wrong("it does not end"),
        Err(reason) => world.wrong(reason),
    }
    let end = check::judge(&mut world, &stored);
    Report {
        seed,
        end,
        violations: std::mem::take(&mut world.violations),
        trace: std::mem::take(&mut world.trace),
    }
}
