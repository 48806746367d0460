//! The points at which a node with failpoints kills itself: which are armed, which have fired.

use std::collections::BTreeSet;
use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::path::{Path, PathBuf};

/// The environment variable that names the folder to the node.
pub const FOLDER: &str = "CAMBISTA_FAILPOINTS";

/// One node's points, in a folder it shares with us. A point's name is `out funder event held before`; in `fired` it is
/// followed by a tab and what tells transitions of one kind apart.
#[derive(Clone, Debug)]
pub struct Failpoints {
    folder: PathBuf,
}

impl Failpoints {
    /// In this folder, which is made; nothing is armed.
    ///
    /// # Panics
    /// When it cannot be made.
    #[track_caller]
    pub fn at(folder: PathBuf) -> Self {
        fs::create_dir_all(&folder).expect("make a folder");
        fs::write(folder.join("armed"), "").expect("write what is armed");
        Self { folder }
    }

    /// Where.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Arms the points whose names begin with one of these, `all` for all; none disarms. On return the node has either
    /// died already or dies of nothing but these.
    ///
    /// # Panics
    /// When it cannot be written.
    #[track_caller]
    pub fn arm(&self, names: &[&str]) {
        let mut file = OpenOptions::new()
            .write(true)
            .open(self.folder.join("armed"))
            .expect("open what is armed");
        // A node holds this lock from reading the file until it is dead or goes on.
        file.lock().expect("lock what is armed");
        file.set_len(0).expect("empty what is armed");
        file.write_all(names.join("\n").as_bytes())
            .expect("write what is armed");
    }

    /// What has fired: names with their details.
    pub fn fired(&self) -> BTreeSet<String> {
        self.lines("fired")
    }

    /// Lets this point fire again, if it has.
    ///
    /// # Panics
    /// When it cannot be written.
    #[track_caller]
    pub fn forget(&self, name: &str) -> BTreeSet<String> {
        let (again, kept): (BTreeSet<String>, BTreeSet<String>) =
            self.fired().into_iter().partition(|line| is(line, name));
        let text: String = kept.iter().map(|line| format!("{line}\n")).collect();
        fs::write(self.folder.join("fired"), text).expect("write what has fired");
        again
    }

    /// Whether this point has fired, in whatever transition.
    pub fn has_fired(&self, name: &str) -> bool {
        self.fired().iter().any(|line| is(line, name))
    }

    /// All points the program has, as it says itself.
    pub fn all(&self) -> BTreeSet<String> {
        self.lines("points")
    }

    fn lines(&self, name: &str) -> BTreeSet<String> {
        let text = fs::read_to_string(self.folder.join(name)).unwrap_or_default();
        text.lines().map(str::to_owned).collect()
    }
}

/// Whether a line of `fired` is of this point.
pub fn is(line: &str, name: &str) -> bool {
    line.split('\t').next() == Some(name)
}
