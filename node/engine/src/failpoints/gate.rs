//! The folder a test and the node share: what is armed, what has fired, which points there are.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, OnceLock, PoisonError};

use super::points::{self, Point};

/// Names the folder.
const FOLDER: &str = "CAMBISTA_FAILPOINTS";

fn folder() -> Option<&'static Path> {
    static CHOSEN: OnceLock<Option<PathBuf>> = OnceLock::new();
    CHOSEN
        .get_or_init(|| std::env::var_os(FOLDER).map(PathBuf::from))
        .as_deref()
}

/// Writes the names of all points, so that a test can see which were never passed.
pub(super) fn list() {
    let Some(folder) = folder() else { return };
    let names: Vec<String> = points::all().iter().map(Point::to_string).collect();
    if let Err(error) = fs::write(folder.join("points"), names.join("\n")) {
        tracing::error!(%error, "the list of failpoints could not be written");
    }
}

/// Kills the process if one of these points is armed and has not fired. `with` tells apart transitions of one kind.
pub(super) fn pass(passed: &[(Point, String)]) {
    // One at a time, so that no two note the same point.
    static ONE: Mutex<()> = Mutex::new(());
    let Some(folder) = folder().filter(|_| !passed.is_empty()) else {
        return;
    };
    let _one = ONE.lock().unwrap_or_else(PoisonError::into_inner);
    // Held until the process is gone: who gets this lock to itself and changes the file has nobody die for the old one.
    let Ok(lock) = File::open(folder.join("armed")).and_then(|f| f.lock_shared().map(|()| f))
    else {
        return;
    };
    let armed = lines(&folder.join("armed"));
    let names = passed
        .iter()
        .map(|(point, with)| format!("{point}\t{with}"))
        .filter(|name| {
            armed
                .iter()
                .any(|line| line == "all" || name.starts_with(line.as_str()))
        });
    let fired = lines(&folder.join("fired"));
    let new: Vec<String> = names.filter(|name| !fired.contains(name)).collect();
    if new.is_empty() {
        return;
    }
    match note(&folder.join("fired"), &new) {
        Ok(()) => die(),
        Err(error) => tracing::error!(%error, "a failpoint could not be noted; going on"),
    }
    drop(lock);
}

fn lines(path: &Path) -> Vec<String> {
    let text = fs::read_to_string(path).unwrap_or_default();
    text.lines()
        .filter(|line| !line.is_empty())
        .map(str::to_owned)
        .collect()
}

fn note(path: &Path, names: &[String]) -> io::Result<()> {
    let mut file = OpenOptions::new().create(true).append(true).open(path)?;
    for name in names {
        tracing::info!(name, "failpoint");
        writeln!(file, "{name}")?;
    }
    file.sync_all()
}

/// SIGKILL to itself. This workspace has no unsafe code, so a program sends it; the thread that got here goes no further.
fn die() -> ! {
    let own = std::process::id().to_string();
    if let Err(error) = Command::new("kill").args(["-9", &own]).status() {
        tracing::error!(%error, "no `kill` here");
        std::process::abort();
    }
    loop {
        std::thread::park();
    }
}
