//! Machines whose clock is wrong.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use cambista_harness::program;
use tempfile::TempDir;

/// The program under test, as it runs on machines with another clock.
pub(super) struct Clocks {
    folder: TempDir,
}

impl Clocks {
    /// Builds what changes a clock: a C compiler is there wherever Rust links.
    ///
    /// # Panics
    /// When there is none.
    pub(super) fn build() -> Self {
        let folder = TempDir::new().unwrap();
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios/hostile_clock/shift.c");
        let built = Command::new("cc")
            .args(["-shared", "-fPIC", "-O1", "-o"])
            .arg(folder.path().join("shift.so"))
            .arg(source)
            .arg("-ldl")
            .status();
        assert!(built.expect("run cc").success(), "cc failed");
        Self { folder }
    }

    /// The program with a wall clock so many seconds ahead of the true one.
    pub(super) fn ahead(&self, seconds: i64) -> PathBuf {
        let path = self.folder.path().join(format!("cambista{seconds}"));
        let library = self.folder.path().join("shift.so");
        let script = format!(
            "#!/bin/sh\nCLOCK_SHIFT={seconds} LD_PRELOAD='{}' exec '{}' \"$@\"\n",
            library.display(),
            program::cambista().display()
        );
        fs::write(&path, script).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        path
    }
}
