//! Rule packs for a journal: the shipped ones, and those of files, checked before they enter.

use std::{fs, path::PathBuf, sync::Arc};

use ::rules::{Pack, PackSet};
use chassis::Failure;
use proto::{catalogue::Catalogue, frame::Entry};

const SHIPPED: &[(&str, &str)] =
    &[("default.yaml", include_str!("../../../deploy/packs/default.yaml"))];
/// Twelve months of self-paid bills against a limit by class: the work that other programs are
/// measured with too.
const BENCH: (&str, &str) = ("bench.yaml", include_str!("../../rules/tests/packs/bench.yaml"));

/// Packs and the event types that they make together.
pub(crate) struct Packs {
    pub(crate) packs: Vec<Arc<Pack>>,
    pub(crate) catalogue: Catalogue,
}

/// The shipped packs.
pub(crate) fn shipped() -> Result<Packs, Failure> {
    let files = SHIPPED.iter().map(|(name, text)| ((*name).to_owned(), text.as_bytes().to_vec()));
    load(files.collect(), Catalogue::shipped())
}

/// The pack that measures decide by where none is named.
pub(crate) fn bench() -> Result<Packs, Failure> {
    let (name, text) = BENCH;
    load(vec![(name.to_owned(), text.as_bytes().to_vec())], Catalogue::shipped())
}

/// The packs of these files, after the types of `known`.
pub(crate) fn read(paths: &[PathBuf], known: Catalogue) -> Result<Packs, Failure> {
    let mut files = Vec::new();
    for path in paths {
        let shown = path.display().to_string();
        let bytes = fs::read(path).map_err(|e| Failure::new(64, format!("{shown}: {e}")))?;
        files.push((shown, bytes));
    }
    load(files, known)
}

/// The packs of these files, or the shipped ones where none is named.
pub(crate) fn named_or_shipped(paths: &[PathBuf]) -> Result<Packs, Failure> {
    if paths.is_empty() { shipped() } else { read(paths, Catalogue::shipped()) }
}

fn load(files: Vec<(String, Vec<u8>)>, mut catalogue: Catalogue) -> Result<Packs, Failure> {
    let mut packs = Vec::new();
    let mut wrong = Vec::new();
    for (name, bytes) in files {
        match Pack::load(&name, &bytes, &catalogue) {
            Ok(pack) => {
                catalogue = pack.catalogue.clone();
                packs.push(Arc::new(pack));
            }
            Err(errors) => wrong.extend(errors),
        }
    }
    if let Err(errors) = PackSet::new(packs.clone()) {
        wrong.extend(errors);
    }
    if wrong.is_empty() {
        return Ok(Packs { packs, catalogue });
    }
    let lines: Vec<String> = wrong.iter().map(ToString::to_string).collect();
    Err(Failure::new(64, lines.join("\n")))
}

/// The entry by which a pack comes into force.
pub(crate) fn entry(pack: &Pack) -> Entry {
    Entry::Pack {
        name: pack.file.as_str().into(),
        yaml: pack.source.as_slice().into(),
        withdrawn: false,
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_shipped_packs_are_good() {
        assert!(!super::shipped().unwrap().packs.is_empty());
    }
}
