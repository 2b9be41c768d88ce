//! The contract on a real folder, and the embedded log against a model.

use super::{EmbeddedLog, Settings};
use crate::contract::{self, Place, code, read_all};
use crate::{Disk, Log, LogError, RealDisk};
use proptest::prelude::*;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use tempfile::TempDir;

struct Folder(TempDir);

impl Place for Folder {
    fn open(&self, partitions: u32) -> Result<Arc<dyn Log>, LogError> {
        let settings = Settings::new("journal", partitions);
        Ok(Arc::new(EmbeddedLog::open(&self.0.path().join("a/journal"), &settings)?))
    }
}

#[test]
fn the_port_contract_holds_in_a_folder() {
    contract::run_port(&|| Box::new(Folder(tempfile::tempdir().unwrap())));
}

#[test]
fn the_storage_contract_holds_in_a_folder() {
    let kept = std::cell::RefCell::new(Vec::new());
    contract::run_storage(&|| {
        let folder = tempfile::tempdir().unwrap();
        let disk: Arc<dyn Disk> = Arc::new(RealDisk::open(folder.path()).unwrap());
        kept.borrow_mut().push(folder);
        disk
    });
}

const CHILD: &str = "LEVEE_LOG_LOCKED_FOLDER";

/// Says by its exit whether a folder is locked; does nothing when run by itself.
#[test]
fn second_process() {
    if let Some(folder) = std::env::var_os(CHILD) {
        let found = code(EmbeddedLog::open(Path::new(&folder), &Settings::new("journal", 1)));
        assert_eq!(found, "log.locked");
    }
}

#[test]
fn a_second_process_is_refused_while_the_first_one_has_the_folder() {
    let folder = tempfile::tempdir().unwrap();
    let child_finds_it_locked = || {
        let output = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "embedded::tests::second_process"])
            .env(CHILD, folder.path())
            .output()
            .unwrap();
        assert!(String::from_utf8_lossy(&output.stdout).contains("running 1 test"));
        output.status.success()
    };
    let log = EmbeddedLog::open(folder.path(), &Settings::new("journal", 1)).unwrap();
    assert!(child_finds_it_locked());
    drop(log);
    assert!(!child_finds_it_locked());
}

#[derive(Debug, Clone)]
enum Step {
    Append(u32, Vec<Vec<u8>>),
    Reopen,
    Retain(u32, u64),
    Read(u32, u64, usize),
}

fn step() -> impl Strategy<Value = Step> {
    let record = prop::collection::vec(any::<u8>(), 1..120);
    prop_oneof![
        5 => (0..2_u32, prop::collection::vec(record, 0..5)).prop_map(|(p, r)| Step::Append(p, r)),
        1 => Just(Step::Reopen),
        1 => (0..2_u32, 0..40_u64).prop_map(|(p, o)| Step::Retain(p, o)),
        2 => (0..2_u32, 0..40_u64, 0..400_usize).prop_map(|(p, o, m)| Step::Read(p, o, m)),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None,
        ..ProptestConfig::default() })]

    #[test]
    fn any_use_equals_a_list(steps in prop::collection::vec(step(), 1..40)) {
        let disk = crate::SimulatedDisk::new(1);
        let settings = Settings { segment_bytes: 300, ..Settings::new("journal", 2) };
        let open = || EmbeddedLog::open_on(disk.mount(), &settings).unwrap();
        let mut model: [Vec<Vec<u8>>; 2] = Default::default();
        let mut start = [0_u64; 2];
        let mut log = open();
        let mut batch = crate::Batch::new();
        for step in steps {
            match step {
                Step::Append(p, records) => {
                    let list = &mut model[p as usize];
                    let first = list.len() as u64;
                    let slices: Vec<&[u8]> = records.iter().map(Vec::as_slice).collect();
                    let range = log.append(p, &slices).unwrap();
                    prop_assert_eq!(range, first..first + records.len() as u64);
                    list.extend(records);
                }
                Step::Reopen => {
                    drop(log);
                    log = open();
                    prop_assert!(log.torn().is_empty());
                }
                Step::Retain(p, offset) => {
                    let at = p as usize;
                    let offset = offset.min(model[at].len() as u64);
                    let now = log.truncate_before(p, offset).unwrap();
                    prop_assert!(now >= start[at] && now <= offset.max(start[at]));
                    start[at] = now;
                }
                Step::Read(p, from, most) => {
                    let list = &model[p as usize];
                    let known = (start[p as usize]..=list.len() as u64).contains(&from);
                    prop_assert_eq!(log.read(p, from, most, &mut batch).is_ok(), known);
                    for (offset, record) in batch.iter() {
                        prop_assert_eq!(record, &list[offset as usize][..]);
                    }
                    let more = known && from < list.len() as u64;
                    prop_assert_eq!(batch.iter().next().map(|r| r.0), more.then_some(from));
                    let given: usize = batch.iter().map(|(_, record)| record.len()).sum();
                    prop_assert!(given <= most || batch.len() == 1);
                }
            }
            for p in 0..2_u32 {
                let list = &model[p as usize];
                let all = read_all(&log, p, 200).unwrap();
                let expected: Vec<_> =
                    (start[p as usize]..).zip(list[start[p as usize] as usize..].to_vec()).collect();
                prop_assert_eq!(all, expected);
            }
        }
    }
}
