//! The folder a node lives in, and what its files are called.
//!
//! ```text
//! cambista.toml   what the owner chose
//! seed            twelve words: everything can be derived from them
//! cambista.db     Lightning, wallet and swaps, in one SQLite file
//! offers          the market's standing offers; may be deleted, peers have them too
//! api-token       made anew at every start; whoever can read it may command the node
//! api-address     where the running node answers
//! lock            held by the running node
//! ```

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use bitcoin::Network;

/// Something is wrong with the data folder. Nothing was begun.
#[derive(Debug, thiserror::Error)]
pub enum DataDirError {
    /// There is no home to put it in.
    #[error(
        "there is no home folder (neither XDG_DATA_HOME nor HOME is set): say where the node's data are with --datadir"
    )]
    NoHome,
    /// A file could not be read or written.
    #[error(
        "cannot {what} {path}: {source}. No money was touched: check that the disk is not full and that this user may \
         read and write the folder, then try again"
    )]
    Io {
        /// What was tried.
        what: &'static str,
        /// On which file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The file is there already.
    #[error(
        "{0} exists already and is left as it is: choose another --datadir, or start the node that lives there with `cambista run`"
    )]
    Exists(PathBuf),
    /// There is no node here yet.
    #[error("there is no node in {0}: make one with `cambista init`")]
    NoNode(PathBuf),
    /// Something others can read or change although this node's secrets depend on it, and that could not be closed to
    /// them.
    #[error(
        "others on this machine can read or change {path}, on which this node's secrets depend, and it could not be closed \
         to them ({source}). Nothing was begun: make it yours (chown) and yours alone (chmod go-rwx), and if others use this \
         machine move the money to a node with new words"
    )]
    Open {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Another process uses the folder.
    #[error(
        "another cambista is running in {0}. Two on the same channels would lose money, so this one does not start: \
         speak to the running one (`cambista status`), or stop it first (`cambista stop`)"
    )]
    Running(PathBuf),
}

/// What others may do with a file, as bits of its mode: everything, and only change it.
const ALL: u32 = 0o077;
const WRITE: u32 = 0o022;

/// How often, and after what pause, the lock is tried again while somebody only looks at it.
const GLANCES: usize = 200;
const GLANCE: Duration = Duration::from_millis(10);

/// A node's data folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DataDir {
    root: PathBuf,
}

/// Held for as long as the node runs; the system gives it up when the process ends, however it ends.
#[derive(Debug)]
pub struct Lock {
    _file: File,
}

/// What others on this machine could do until it was closed to them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Exposed {
    /// Read secrets in this file.
    Readable(PathBuf),
    /// Change this file, or put others in the place of those in this folder.
    Changeable(PathBuf),
}

/// How a program reaches the running node.
#[derive(Clone, PartialEq, Eq)]
pub struct ApiAccess {
    /// `host:port`.
    pub address: String,
    /// To be sent as `Authorization: Bearer`.
    pub token: String,
}

impl DataDir {
    /// This folder.
    #[must_use]
    pub const fn at(root: PathBuf) -> Self {
        Self { root }
    }

    /// The folder for a network when none is named: `$XDG_DATA_HOME/cambista/<network>`, else `~/.cambista/<network>`.
    ///
    /// # Errors
    /// When there is no home.
    pub fn default_for(network: Network) -> Result<Self, DataDirError> {
        let set = |name| {
            std::env::var_os(name)
                .filter(|value| !value.is_empty())
                .map(PathBuf::from)
        };
        let base = set("XDG_DATA_HOME")
            .filter(|path| path.is_absolute())
            .map(|path| path.join("cambista"))
            .or_else(|| set("HOME").map(|home| home.join(".cambista")))
            .ok_or(DataDirError::NoHome)?;
        Ok(Self::at(base.join(network.to_string())))
    }

    /// The folder itself.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// `cambista.toml`.
    #[must_use]
    pub fn config(&self) -> PathBuf {
        self.root.join("cambista.toml")
    }

    /// `seed`.
    #[must_use]
    pub fn seed(&self) -> PathBuf {
        self.root.join("seed")
    }

    /// `cambista.db`.
    #[must_use]
    pub fn database(&self) -> PathBuf {
        self.root.join("cambista.db")
    }

    /// `offers`.
    #[must_use]
    pub fn offers(&self) -> PathBuf {
        self.root.join("offers")
    }

    /// `api-token`.
    #[must_use]
    pub fn api_token(&self) -> PathBuf {
        self.root.join("api-token")
    }

    /// `api-address`.
    #[must_use]
    pub fn api_address(&self) -> PathBuf {
        self.root.join("api-address")
    }

    /// Makes the folder, for its owner only. An existing one is kept.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn create(&self) -> Result<(), DataDirError> {
        let mut builder = fs::DirBuilder::new();
        builder.recursive(true);
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder
            .create(&self.root)
            .map_err(io_error("make the folder", &self.root))
    }

    /// Takes the folder for this process. One who only asks whether a node runs ([`DataDir::is_running`]) has the lock for
    /// a moment too, and does not count.
    ///
    /// # Errors
    /// [`DataDirError::Running`] when another has it.
    pub fn lock(&self) -> Result<Lock, DataDirError> {
        if !self.root.is_dir() {
            return Err(DataDirError::NoNode(self.root.clone()));
        }
        let path = self.lock_file();
        let file = private()
            .create(true)
            .truncate(false)
            .open(&path)
            .map_err(io_error("open", &path))?;
        for _ in 0..GLANCES {
            if taken(file.try_lock(), &path)? {
                return Ok(Lock { _file: file });
            }
            // Whoever only asks shares the lock; a node does not.
            if !taken(file.try_lock_shared(), &path)? {
                break;
            }
            file.unlock().map_err(io_error("unlock", &path))?;
            std::thread::sleep(GLANCE);
        }
        Err(DataDirError::Running(self.root.clone()))
    }

    /// Whether a node has taken the folder. It is never kept from doing so by this.
    ///
    /// # Errors
    /// When the lock is there but cannot be looked at.
    pub fn is_running(&self) -> Result<bool, DataDirError> {
        let path = self.lock_file();
        match File::open(&path) {
            Ok(file) => Ok(!taken(file.try_lock_shared(), &path)?),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(io_error("open", &path)(error)),
        }
    }

    fn lock_file(&self) -> PathBuf {
        self.root.join("lock")
    }

    /// Closes to others what this node's secrets depend on: the folder, so that nothing in it can be replaced; the words,
    /// the token and the database; and the settings, to readers only if there is a `password` in them. Returns what had
    /// been open.
    ///
    /// # Errors
    /// [`DataDirError::Open`] when one cannot be closed.
    pub fn close_to_others(&self, password: bool) -> Result<Vec<Exposed>, DataDirError> {
        let database = self.database();
        let beside = |end: &str| {
            let mut name = database.clone().into_os_string();
            name.push(end);
            PathBuf::from(name)
        };
        let mut found = Vec::new();
        for (path, secret) in [
            (self.root.clone(), false),
            (self.config(), password),
            (self.seed(), true),
            (self.api_token(), true),
            (beside(""), true),
            (beside("-wal"), true),
            (beside("-shm"), true),
        ] {
            let closed = close(&path, if secret { ALL } else { WRITE });
            let taken = closed.map_err(|source| DataDirError::Open {
                path: path.clone(),
                source,
            })?;
            if taken & WRITE != 0 {
                found.push(Exposed::Changeable(path.clone()));
            }
            if secret && taken & !WRITE != 0 {
                found.push(Exposed::Readable(path));
            }
        }
        Ok(found)
    }

    /// Writes the words of a new node. An existing seed is never overwritten.
    ///
    /// # Errors
    /// When there is one, or it cannot be written.
    pub fn write_seed(&self, words: &str) -> Result<(), DataDirError> {
        let path = self.seed();
        write_new(&path, format!("{words}\n").as_bytes())
    }

    /// The words.
    ///
    /// # Errors
    /// When there are none.
    pub fn read_seed(&self) -> Result<String, DataDirError> {
        let path = self.seed();
        read(&path)
            .map(|text| text.trim().to_owned())
            .map_err(|error| match error {
                DataDirError::Io { source, .. } if source.kind() == io::ErrorKind::NotFound => {
                    DataDirError::NoNode(self.root.clone())
                }
                other => other,
            })
    }

    /// Writes the token of this run. The address of the last run, which is no longer true, is removed.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn write_api_token(&self, token: &str) -> Result<(), DataDirError> {
        self.forget_api_address();
        replace(&self.api_token(), token)
    }

    /// Writes where the API answers. Whoever waits for this file finds the API running.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn write_api_address(&self, address: &str) -> Result<(), DataDirError> {
        replace(&self.api_address(), address)
    }

    /// Removes the address: the API no longer answers.
    pub fn forget_api_address(&self) {
        let _ = fs::remove_file(self.api_address());
    }

    /// How to reach the running node; none when none is running.
    ///
    /// # Errors
    /// When the files are there but cannot be read.
    pub fn api_access(&self) -> Result<Option<ApiAccess>, DataDirError> {
        let (address, token) = (self.api_address(), self.api_token());
        if !address.exists() {
            return Ok(None);
        }
        let trimmed = |path: &Path| read(path).map(|text| text.trim().to_owned());
        Ok(Some(ApiAccess {
            address: trimmed(&address)?,
            token: trimmed(&token)?,
        }))
    }
}

impl std::fmt::Debug for ApiAccess {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ApiAccess")
            .field("address", &self.address)
            .finish_non_exhaustive()
    }
}

fn io_error(what: &'static str, path: &Path) -> impl FnOnce(io::Error) -> DataDirError {
    let path = path.to_owned();
    move |source| DataDirError::Io { what, path, source }
}

/// Options for a file only its owner can read and write.
fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.read(true).write(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

/// Whether a lock was got; false when another has it.
fn taken(tried: Result<(), fs::TryLockError>, path: &Path) -> Result<bool, DataDirError> {
    match tried {
        Ok(()) => Ok(true),
        Err(fs::TryLockError::WouldBlock) => Ok(false),
        Err(fs::TryLockError::Error(source)) => Err(io_error("lock", path)(source)),
    }
}

/// Whether others can do anything with this file; false when there is none.
pub(crate) fn is_open(path: &Path) -> bool {
    open_bits(path) & ALL != 0
}

/// The mode of a file; nothing when there is none.
#[cfg(unix)]
fn open_bits(path: &Path) -> u32 {
    use std::os::unix::fs::PermissionsExt as _;
    fs::metadata(path).map_or(0, |file| file.permissions().mode())
}

/// Elsewhere a user's folder is its user's.
#[cfg(not(unix))]
const fn open_bits(_: &Path) -> u32 {
    0
}

/// Takes these bits from a file's mode; those that it had.
fn close(path: &Path, bits: u32) -> io::Result<u32> {
    let mode = open_bits(path);
    let open = mode & bits;
    #[cfg(unix)]
    if open != 0 {
        use std::os::unix::fs::PermissionsExt as _;
        fs::set_permissions(path, fs::Permissions::from_mode(mode & 0o7777 & !bits))?;
    }
    Ok(open)
}

fn read(path: &Path) -> Result<String, DataDirError> {
    fs::read_to_string(path).map_err(io_error("read", path))
}

/// Writes a file that must not exist, readable by its owner only, and has it on the disk when it returns.
///
/// # Errors
/// [`DataDirError::Exists`] when it does exist.
pub(crate) fn write_new(path: &Path, bytes: &[u8]) -> Result<(), DataDirError> {
    let mut file = private()
        .create_new(true)
        .open(path)
        .map_err(|error| match error.kind() {
            io::ErrorKind::AlreadyExists => DataDirError::Exists(path.to_owned()),
            _ => io_error("write", path)(error),
        })?;
    let written = file.write_all(bytes).and_then(|()| file.sync_all());
    if written.is_err() {
        // Half a file would look like a whole one the next time.
        let _ = fs::remove_file(path);
    }
    written.map_err(io_error("write", path))?;
    sync_folder(path);
    Ok(())
}

/// Puts a file in the place of another in one step: a reader sees the old one or the new one, never half of it.
fn replace(path: &Path, text: &str) -> Result<(), DataDirError> {
    let draft = path.with_extension("new");
    let write = || {
        // One that was left behind would keep the mode it has.
        match fs::remove_file(&draft) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let mut file = private().create_new(true).open(&draft)?;
        file.write_all(text.as_bytes())?;
        file.write_all(b"\n")?;
        fs::rename(&draft, path)
    };
    write().map_err(io_error("write", path))
}

/// Makes the new name durable too, where the system can.
fn sync_folder(path: &Path) {
    if let Some(folder) = path.parent().and_then(|folder| File::open(folder).ok()) {
        let _ = folder.sync_all();
    }
}

#[cfg(test)]
mod tests;
