//! Packs from files: each with the catalogue of the one before, then all together.

use std::{fs, path::PathBuf, sync::Arc};

use proto::catalogue::Catalogue;
use rules::{Pack, PackSet};

use crate::Error;

/// Checked packs and the catalogue of event types that they make together.
#[derive(Clone, Debug)]
pub(crate) struct Packs {
    pub(crate) packs: Vec<Arc<Pack>>,
    pub(crate) catalogue: Catalogue,
}

/// Loads and checks packs; all mistakes are found, not only the first.
pub(crate) fn load(paths: &[PathBuf]) -> Result<Packs, Error> {
    let mut catalogue = Catalogue::shipped();
    let mut packs = Vec::new();
    let mut errors = Vec::new();
    for path in paths {
        let bytes = fs::read(path).map_err(Error::io(path))?;
        match Pack::load(&path.display().to_string(), &bytes, &catalogue) {
            Ok(pack) => {
                catalogue = pack.catalogue.clone();
                packs.push(Arc::new(pack));
            }
            Err(wrong) => errors.extend(wrong),
        }
    }
    match PackSet::new(packs) {
        Ok(set) if errors.is_empty() => Ok(Packs { packs: set.packs().to_vec(), catalogue }),
        Ok(_) => Err(Error::Packs(errors)),
        Err(wrong) => {
            errors.extend(wrong);
            Err(Error::Packs(errors))
        }
    }
}
