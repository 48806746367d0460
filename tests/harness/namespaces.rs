//! Machines of their own for some nodes: a public network, and a home behind a router (`scripts/namespaces`).

use std::path::PathBuf;
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

/// A public network with this machine, one other in it, and a home behind a router. Removed when dropped.
#[derive(Debug)]
pub struct Namespaces {
    name: String,
    net: String,
}

impl Namespaces {
    /// Makes them. None, with the reason printed, where the machine does not allow it.
    ///
    /// # Panics
    /// When it allows them and they cannot be made all the same.
    #[track_caller]
    pub fn start() -> Option<Self> {
        let check = script().arg("check").output().expect("run the script");
        if !check.status.success() {
            let why = String::from_utf8_lossy(&check.stderr);
            eprintln!("not shown on this machine: {}", why.trim());
            return None;
        }
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let (id, number) = (std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let made = Self {
            name: format!("cb{id}x{number}"),
            net: format!("10.202.{}", (id + 50 * number) % 199),
        };
        let up = script().args(["up", &made.name, &made.net]).output();
        let up = up.expect("run the script");
        assert!(
            up.status.success(),
            "{}",
            String::from_utf8_lossy(&up.stderr)
        );
        Some(made)
    }

    /// The address of this machine in the public network.
    pub fn here(&self) -> String {
        format!("{}.1", self.net)
    }

    /// The other machine in the public network: its namespace and address.
    pub fn relay(&self) -> (String, String) {
        (format!("{}-relay", self.name), format!("{}.3", self.net))
    }

    /// The machine at home: its namespace and its address there, which is of no use outside.
    pub fn home(&self) -> (String, String) {
        (format!("{}-home", self.name), "192.168.77.2".to_owned())
    }
}

impl Drop for Namespaces {
    fn drop(&mut self) {
        let _ = script().args(["down", &self.name]).status();
    }
}

fn script() -> Command {
    Command::new(PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../scripts/namespaces"))
}
