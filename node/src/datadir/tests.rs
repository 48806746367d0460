#![allow(clippy::unwrap_used)]
use super::*;

fn fresh() -> (tempfile::TempDir, DataDir) {
    let temp = tempfile::tempdir().unwrap();
    let dir = DataDir::at(temp.path().join("regtest"));
    dir.create().unwrap();
    (temp, dir)
}

#[test]
fn a_second_node_in_the_same_folder_is_refused_until_the_first_is_gone() {
    let (_temp, dir) = fresh();
    let first = dir.lock().unwrap();
    assert!(matches!(dir.lock(), Err(DataDirError::Running(_))));
    drop(first);
    dir.lock().unwrap();
}

#[test]
fn a_seed_is_never_overwritten() {
    let (_temp, dir) = fresh();
    assert!(matches!(dir.read_seed(), Err(DataDirError::NoNode(_))));
    dir.write_seed("one two").unwrap();
    assert!(matches!(
        dir.write_seed("three"),
        Err(DataDirError::Exists(_))
    ));
    assert_eq!(dir.read_seed().unwrap(), "one two");
}

#[cfg(unix)]
#[test]
fn secrets_are_for_their_owner_only() {
    use std::os::unix::fs::PermissionsExt as _;
    let (_temp, dir) = fresh();
    dir.write_seed("words").unwrap();
    dir.write_api_token("token").unwrap();
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(dir.root()), 0o700);
    assert_eq!(mode(&dir.seed()), 0o600);
    assert_eq!(mode(&dir.api_token()), 0o600);
}

#[cfg(unix)]
#[test]
fn what_was_open_to_others_is_closed_and_named() {
    use std::os::unix::fs::PermissionsExt as _;
    let (_temp, dir) = fresh();
    dir.write_seed("words").unwrap();
    dir.write_api_token("token").unwrap();
    fs::write(dir.database(), "").unwrap();
    let set = |path: &Path, mode| {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    };
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    set(&dir.database(), 0o600);
    assert!(dir.close_to_others(true).unwrap().is_empty());
    set(&dir.seed(), 0o644);
    set(&dir.database(), 0o660);
    assert_eq!(
        dir.close_to_others(true).unwrap(),
        [
            Exposed::Readable(dir.seed()),
            Exposed::Changeable(dir.database()),
            Exposed::Readable(dir.database()),
        ]
    );
    assert_eq!((mode(&dir.seed()), mode(&dir.database())), (0o600, 0o600));
    assert!(dir.close_to_others(true).unwrap().is_empty());
    // Nor does a draft that was left behind open the next token.
    let draft = dir.api_token().with_extension("new");
    fs::write(&draft, "").unwrap();
    set(&draft, 0o666);
    dir.write_api_token("another").unwrap();
    assert_eq!(mode(&dir.api_token()), 0o600);
}

#[cfg(unix)]
#[test]
fn a_folder_others_can_change_is_closed_and_so_are_settings_with_a_password() {
    use std::os::unix::fs::PermissionsExt as _;
    let (_temp, dir) = fresh();
    fs::write(dir.config(), "").unwrap();
    let set = |path: &Path, mode| {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    };
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    set(dir.root(), 0o777);
    set(&dir.config(), 0o666);
    assert_eq!(
        dir.close_to_others(false).unwrap(),
        [
            Exposed::Changeable(dir.root().to_owned()),
            Exposed::Changeable(dir.config()),
        ]
    );
    assert_eq!((mode(dir.root()), mode(&dir.config())), (0o755, 0o644));
    // Names of files and settings without a password are no secret.
    assert!(dir.close_to_others(false).unwrap().is_empty());
    let closed = dir.close_to_others(true).unwrap();
    assert_eq!(closed, [Exposed::Readable(dir.config())]);
    assert_eq!(mode(&dir.config()), 0o600);
}

#[test]
fn who_asks_whether_a_node_runs_is_told_and_keeps_none_from_starting() {
    let (_temp, dir) = fresh();
    assert!(!dir.is_running().unwrap());
    let held = dir.lock().unwrap();
    assert!(dir.is_running().unwrap());
    drop(held);
    assert!(!dir.is_running().unwrap());
    let asks = std::sync::atomic::AtomicBool::new(true);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while asks.load(std::sync::atomic::Ordering::Relaxed) {
                dir.is_running().unwrap();
            }
        });
        let got = (0..50).all(|_| dir.lock().is_ok());
        asks.store(false, std::sync::atomic::Ordering::Relaxed);
        assert!(got, "kept from starting");
    });
}

#[test]
fn a_new_token_makes_the_old_address_invisible() {
    let (_temp, dir) = fresh();
    dir.write_api_token("a").unwrap();
    assert_eq!(dir.api_access().unwrap(), None);
    dir.write_api_address("127.0.0.1:1").unwrap();
    let access = dir.api_access().unwrap().unwrap();
    assert_eq!(
        (access.address.as_str(), access.token.as_str()),
        ("127.0.0.1:1", "a")
    );
    dir.write_api_token("b").unwrap();
    assert_eq!(dir.api_access().unwrap(), None);
}
