//! A key is made where it is asked for, shown by its fingerprint, and never made anew under a
//! journal.

#![expect(clippy::unwrap_used, reason = "a test: a failed step must end it")]

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::Path,
    process::{Command, Output},
};

fn levee(folder: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_levee"));
    command.args(arguments).current_dir(folder).env("LEVEE_LOG", "warn").output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

#[test]
fn a_key_is_created_once_and_told_by_its_fingerprint() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    let create = ["keys", "create", "--out", "province.key"];
    let made = levee(here, &create);
    assert!(made.status.success(), "{}", text(&made.stderr));
    let told = text(&made.stdout);
    let fingerprint = told.strip_prefix("fingerprint: ").unwrap().trim_end();
    assert!(fingerprint.len() == 16 && fingerprint.bytes().all(|b| b.is_ascii_hexdigit()));
    let key = here.join("province.key");
    assert_eq!(fs::metadata(&key).unwrap().permissions().mode() & 0o777, 0o600);
    let content = fs::read_to_string(&key).unwrap();
    let again = levee(here, &create);
    assert_eq!(again.status.code(), Some(64));
    assert_eq!(text(&again.stderr), "levee: province.key is there already and is not replaced\n");
    assert_eq!(fs::read_to_string(&key).unwrap(), content);
    let kept = levee(here, &["keys", "create", "--out", "province.key", "--if-missing"]);
    assert_eq!((kept.status.code(), text(&kept.stdout)), (Some(0), told.clone()));
    assert_eq!(text(&levee(here, &["keys", "show", "province.key"]).stdout), told);
    let second = ["keys", "create", "--out", "second.key", "--operator-token", "operator.token"];
    assert!(levee(here, &second).status.success());
    let token = fs::read_to_string(here.join("operator.token")).unwrap();
    assert_eq!(token.trim_end().len(), 64);
    let kept: Vec<&str> = second.iter().copied().chain(["--if-missing"]).collect();
    assert!(levee(here, &kept).status.success());
    assert_eq!(fs::read_to_string(here.join("operator.token")).unwrap(), token);
    let none = levee(here, &["keys", "show", "other.key"]);
    assert_eq!(none.status.code(), Some(64));
    assert!(text(&none.stderr).contains("levee keys create"));
    fs::set_permissions(&key, fs::Permissions::from_mode(0o644)).unwrap();
    let open = levee(here, &["keys", "show", "province.key"]);
    assert_eq!(open.status.code(), Some(64));
    assert!(text(&open.stderr).contains("must have mode 0600"));
}

#[test]
fn a_folder_with_a_journal_gets_no_new_key() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    fs::write(here.join("none.ndjson"), "").unwrap();
    let import = ["import", "--data", "d", "--households", "none.ndjson"];
    let made = levee(here, &import);
    assert!(made.status.success(), "{}", text(&made.stderr));
    let key = here.join("d/token.key");
    fs::rename(&key, here.join("kept.key")).unwrap();
    for command in [&import[..], &["up", "--data", "d", "--listen", "127.0.0.1:0"]] {
        let refused = levee(here, command);
        assert_eq!(refused.status.code(), Some(64));
        assert!(text(&refused.stderr).contains("there is no token key d/token.key"));
        assert!(!key.exists(), "{command:?} made a key");
    }
    fs::rename(here.join("kept.key"), &key).unwrap();
    assert!(levee(here, &import).status.success());
}
