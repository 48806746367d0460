//! Settings, folder, database, token, disk.

use std::fs::{self, OpenOptions, Permissions};
use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;

use cambista_harness::api::Api;
use cambista_harness::wait::{FOUND_AGAIN, wait_for};
use cambista_harness::{Bitcoind, Node, NodeOptions};

use super::{
    OTHER, UNREACHABLE, assert_says, assert_whole, check, elsewhere, fails, run_fails, set, spawn,
    stopped, wait,
};

#[test]
fn unknown_settings_name_the_nearest_known_one() {
    let bitcoind = Bitcoind::start(&[]);
    let (mut node, purse) = stopped("settings", &bitcoind);
    for (wrong, known) in [
        ("[p2p]\nlisen", "listen"),
        ("[bitcoind]\ncokie", "cookie"),
        ("[limits]\nmax_fee_pm", "max_fee_ppm"),
        ("[lightening]\nalias", "lightning"),
    ] {
        let path = node.dir().join("cambista.toml");
        let good = fs::read_to_string(&path).unwrap();
        let (table, key) = wrong.split_once('\n').unwrap();
        if good.contains(table) {
            set(&node, table, &format!("{wrong} = 1"));
        } else {
            fs::write(&path, format!("{good}\n{wrong} = 1\n")).unwrap();
        }
        let said = run_fails(&node, OTHER);
        let unknown = if table == "[lightening]" {
            "lightening"
        } else {
            key
        };
        let line = format!("unknown field `{unknown}`");
        let hint = format!("did you mean `{known}`?");
        assert_says(&said, &["cambista.toml", &line, &hint, "line "]);
        fs::write(&path, good).unwrap();
    }
    assert_whole(&mut node, &bitcoind, &purse);
}

#[test]
fn a_folder_has_one_node_and_it_may_not_be_there() {
    let bitcoind = Bitcoind::start(&[]);
    bitcoind.mine(101);
    let mut node = Node::start("one", &bitcoind, &NodeOptions::default());

    let said = run_fails(&node, OTHER);
    let both = [
        "nother cambista is running",
        "cambista status",
        "cambista stop",
    ];
    assert_says(&said, &both);
    let said = fails(node.command(&["init"]), OTHER);
    assert_says(&said, &["exists already", "left as it is"]);
    assert_eq!(node.status()["height"], 101, "the first one goes on");

    let token = node.dir().join("api-token");
    let right = fs::read(&token).unwrap();
    fs::write(&token, "0".repeat(64)).unwrap();
    let said = fails(node.command(&["out", "50000", "--yes"]), OTHER);
    assert_says(&said, &["api-token"]);
    let answer = Api::of(node.dir()).get("/status").unwrap_err();
    assert_says(&answer, &["401", "unauthorized", "api-token"]);
    fs::write(&token, right).unwrap();
    assert_eq!(node.status()["open_swaps"], 0);

    // Its address stays behind; whoever answers there now is not asked.
    node.kill9();
    let left = fs::read_to_string(node.dir().join("api-address")).unwrap();
    let _another = TcpListener::bind(left.trim()).unwrap();
    for command in [["wallet", "address"].as_slice(), &["out", "50000", "--yes"]] {
        let said = fails(node.command(command), UNREACHABLE);
        assert_says(&said, &["o node is running in", " run"]);
    }
    node.restart();
    node.stop();
    for command in [["status"].as_slice(), &["out", "50000", "--yes"]] {
        let said = fails(node.command(command), UNREACHABLE);
        assert_says(&said, &["o node is running in", " run"]);
    }
}

#[test]
fn a_database_of_a_newer_version_is_left_alone() {
    let bitcoind = Bitcoind::start(&[]);
    let (mut node, purse) = stopped("newer", &bitcoind);
    let path = node.dir().join("cambista.db");
    let version = user_version(&path, Some(999));
    let before = fs::read(&path).unwrap();
    let said = run_fails(&node, OTHER);
    assert_says(
        &said,
        &["version 999", "newer program", "Nothing was changed"],
    );
    assert_eq!(fs::read(&path).unwrap(), before, "the file was written to");
    user_version(&path, Some(version));
    assert_whole(&mut node, &bitcoind, &purse);
}

/// SQLite's `user_version`, and puts another in its place: four bytes at a fixed place in the file's head.
fn user_version(path: &Path, new: Option<u32>) -> u32 {
    let log = path.with_extension("db-wal");
    assert!(
        fs::metadata(&log).map_or(0, |log| log.len()) == 0,
        "a node that was stopped leaves one file"
    );
    let mut file = OpenOptions::new()
        .read(true)
        .write(true)
        .open(path)
        .unwrap();
    let mut old = [0; 4];
    file.seek(SeekFrom::Start(60)).unwrap();
    file.read_exact(&mut old).unwrap();
    if let Some(new) = new {
        file.seek(SeekFrom::Start(60)).unwrap();
        file.write_all(&new.to_be_bytes()).unwrap();
    }
    u32::from_be_bytes(old)
}

#[test]
fn a_folder_that_cannot_be_written_to_is_found_out_at_the_start() {
    let bitcoind = Bitcoind::start(&[]);
    let (mut node, purse) = stopped("readonly", &bitcoind);
    let mode = |mode| fs::set_permissions(node.dir(), Permissions::from_mode(mode)).unwrap();
    mode(0o500);
    let said = fails(powerless(node.command(&["run"])), OTHER);
    assert_says(
        &said,
        &[
            "Permission denied",
            "No money was touched",
            "write the folder",
        ],
    );
    assert!(!said.contains("the node runs"), "{said}");
    mode(0o700);

    let parent = tempfile::tempdir().unwrap();
    fs::set_permissions(parent.path(), Permissions::from_mode(0o500)).unwrap();
    let init = elsewhere(&node, &parent.path().join("node"), &["init"]);
    let said = fails(powerless(init), OTHER);
    assert_says(&said, &["annot make the folder", "write the folder"]);
    assert_whole(&mut node, &bitcoind, &purse);
}

#[test]
fn what_others_could_read_or_replace_is_closed_at_the_start() {
    let bitcoind = Bitcoind::start(&[]);
    let (mut node, purse) = stopped("open", &bitcoind);
    let seed = node.dir().join("seed");
    let set = |path: &Path, mode| {
        fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
    };
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    set(&seed, 0o644);
    set(node.dir(), 0o777);
    assert_whole(&mut node, &bitcoind, &purse);
    assert_eq!((mode(&seed), mode(node.dir())), (0o600, 0o755));
    let log = fs::read_to_string(node.dir().join("node.log")).unwrap();
    assert_says(
        &log,
        &[
            "others on this machine could read this file",
            "others on this machine could change what is here",
        ],
    );
}

/// A command for which the modes of files hold even if the tests are run by root.
fn powerless(plain: Command) -> Command {
    let root = Command::new("id").arg("-u").output().unwrap().stdout == b"0\n";
    if !root {
        return plain;
    }
    let mut command = Command::new("setpriv");
    command.arg("--bounding-set=-dac_override,-dac_read_search");
    command.arg(plain.get_program()).args(plain.get_args());
    command.env("NO_COLOR", "1");
    command
}

#[test]
fn a_full_disk_stops_the_node_and_costs_nothing() {
    let bitcoind = Bitcoind::start(&[]);
    let (mut node, purse) = stopped("full", &bitcoind);
    // From the start.
    let said = fails(limited(&node.command(&["run"]), Some(8)), OTHER);
    assert_says(&said, &["check the disk (full?", "start it again"]);
    assert_whole(&mut node, &bitcoind, &purse);

    // While it runs.
    let child = spawn(limited(&node.command(&["run"]), None));
    wait_for("the node", FOUND_AGAIN, || node.api().get("/status"));
    let pid = child.id().to_string();
    let full = Command::new("prlimit")
        .args(["--pid", &pid, "--fsize=4096"])
        .status();
    assert!(full.unwrap().success());
    bitcoind.mine(1);
    let said = check(wait(child), OTHER);
    assert_says(&said, &["check the disk (full?", "not written down"]);
    assert_whole(&mut node, &bitcoind, &purse);

    // Before there is anything.
    let temp = tempfile::tempdir().unwrap();
    let init = || elsewhere(&node, &temp.path().join("node"), &["init"]);
    let said = fails(limited(&init(), Some(0)), OTHER);
    assert_says(&said, &["the disk is not full", "No money was touched"]);
    let init = init().output().unwrap();
    assert!(
        init.status.success(),
        "half a node was left behind: {init:?}"
    );
}

/// A command that cannot make a file larger than so many blocks of 512 bytes, and is told so instead of being ended.
fn limited(plain: &Command, blocks: Option<u32>) -> Command {
    let limit = blocks.map_or_else(String::new, |blocks| format!("ulimit -f {blocks};"));
    let mut command = Command::new("sh");
    command.args(["-c", &format!("trap '' XFSZ; {limit} exec \"$0\" \"$@\"")]);
    command.arg(plain.get_program()).args(plain.get_args());
    command.env("NO_COLOR", "1").env("RUST_LOG", "error");
    command
}
