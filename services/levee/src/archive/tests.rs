//! The archive's bytes, what it gives back, and what it refuses.

use std::io::{self, Read};

use super::{ArchiveError, FORMAT, Manifest, Writer, read};

const GOLDEN: &[u8] = include_bytes!("golden.tar");
const FILES: [(&str, &[u8]); 3] =
    [("journal/header", b"head"), ("journal/0000/0.seg", b"records"), ("alerts/0.seg", b"")];

fn head() -> Manifest {
    Manifest {
        format: FORMAT,
        levee: "0.1.0".to_owned(),
        made_at: "2026-03-04T10:20:30+08:00".to_owned(),
        key: "0011223344556677".to_owned(),
        files: Vec::new(),
    }
}

fn written() -> Vec<u8> {
    let mut writer = Writer::new(Vec::new(), head(), 1_772_590_830);
    for (name, content) in FILES {
        writer.add(name, content.len() as u64, content).unwrap();
    }
    writer.finish().unwrap().0
}

type Taken = Vec<(String, Vec<u8>)>;

fn taken(archive: impl Read) -> Result<(Manifest, Taken), ArchiveError> {
    let mut taken = Vec::new();
    let manifest = read(archive, |name, content| {
        let mut bytes = Vec::new();
        content.read_to_end(&mut bytes)?;
        taken.push((name.to_owned(), bytes));
        Ok(())
    })?;
    Ok((manifest, taken))
}

fn files() -> Taken {
    FILES.map(|(name, content)| (name.to_owned(), content.to_vec())).to_vec()
}

#[test]
fn an_archive_is_these_bytes() {
    assert_eq!(written(), GOLDEN);
    let (manifest, found) = taken(GOLDEN).unwrap();
    assert_eq!(found, files());
    assert_eq!(manifest.key, head().key);
    // printf head | sha256sum
    let sum = "9f2e6d33a3717ee826353a404ba4618d1aeeb6879ad7936bce8ed5f46814924d";
    assert_eq!(manifest.files[0].sha256, sum);
}

#[test]
fn a_changed_or_cut_archive_gives_nothing_else() {
    let sound = taken(GOLDEN).unwrap();
    let mut refused = 0;
    for at in 0..GOLDEN.len() {
        let mut bad = GOLDEN.to_vec();
        bad[at] ^= 1;
        for archive in [&bad, &GOLDEN[..at]] {
            match taken(archive) {
                Ok((manifest, found)) => {
                    // What describes the copy is not summed; what it holds is.
                    assert_eq!((&manifest.files, &found), (&sound.0.files, &sound.1), "byte {at}");
                }
                Err(_) => refused += 1,
            }
        }
    }
    assert!(refused > GOLDEN.len(), "{refused}");
}

#[test]
fn less_than_was_promised_is_an_error() {
    let mut writer = Writer::new(Vec::new(), head(), 0);
    let short = writer.add("journal/header", 5, &b"head"[..]).unwrap_err();
    assert_eq!(short.kind(), io::ErrorKind::UnexpectedEof);
    let mut writer = Writer::new(Vec::new(), head(), 0);
    writer.add("journal/header", 3, &b"head"[..]).unwrap();
    let (_, found) = taken(writer.finish().unwrap().0.as_slice()).unwrap();
    assert_eq!(found, [("journal/header".to_owned(), b"hea".to_vec())]);
}

/// An archive of one member as tar itself would write it, with the manifest that fits.
fn crafted(name: &[u8], kind: tar::EntryType) -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    let mut header = tar::Header::new_gnu();
    header.as_mut_bytes()[..name.len()].copy_from_slice(name);
    header.set_entry_type(kind);
    header.set_size(0);
    header.set_cksum();
    builder.append(&header, io::empty()).unwrap();
    builder.into_inner().unwrap()
}

#[test]
fn no_name_leads_out_of_the_folder() {
    let file = tar::EntryType::Regular;
    let names = [&b"../a"[..], b"/a", b"a/../b", b"a//b", b"./a", b".a", b"a/", b"a\\b", b"\xff"];
    for name in names {
        let refused = taken(crafted(name, file).as_slice()).unwrap_err();
        assert!(matches!(refused, ArchiveError::Name), "{name:?}: {refused:?}");
    }
    for kind in [tar::EntryType::Symlink, tar::EntryType::Link, tar::EntryType::Directory] {
        let refused = taken(crafted(b"a", kind).as_slice()).unwrap_err();
        assert!(matches!(refused, ArchiveError::Name), "{kind:?}: {refused:?}");
    }
    let without = taken(crafted(b"a", file).as_slice()).unwrap_err();
    assert!(matches!(without, ArchiveError::Manifest), "{without:?}");
}

#[test]
fn a_manifest_of_a_later_form_is_refused() {
    let later = Manifest { format: FORMAT + 1, ..head() };
    let archive = Writer::new(Vec::new(), later, 0).finish().unwrap().0;
    assert!(matches!(taken(archive.as_slice()), Err(ArchiveError::Manifest)));
}

#[test]
fn a_member_that_cannot_be_written_is_told() {
    let full = read(GOLDEN, |_, _| Err(io::ErrorKind::StorageFull.into()));
    assert!(matches!(full, Err(ArchiveError::Write { name, .. }) if name == FILES[0].0));
    let strange = read(GOLDEN, |_, _| Err(io::ErrorKind::InvalidInput.into()));
    assert!(matches!(strange, Err(ArchiveError::Name)));
}
