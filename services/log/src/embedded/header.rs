//! The topic's header file. It knows where the header lies and how it is made to last.

use super::{Extent, Settings};
use crate::{Disk, Header, LogError};
use std::io::ErrorKind;

const NAME: &str = "header";
const NEW_NAME: &str = "header.new";

/// Reads the header, or makes one (and the partitions' folders before it) in a new folder.
///
/// # Errors
/// What of the settings is not the header's; `log.corrupt` for segments without a header.
pub(super) fn open(disk: &dyn Disk, settings: &Settings) -> Result<Header, LogError> {
    let system = |error| LogError::system("opening the log's header", &error);
    let file = match disk.open(NAME) {
        Err(error) if error.kind() == ErrorKind::NotFound => {
            return make(disk, settings);
        }
        other => other.map_err(system)?,
    };
    let mut bytes = vec![0; file.len().map_err(system)?.min(1 << 16) as usize];
    file.read_at(0, &mut bytes).map_err(system)?;
    let found = Header::decode(&bytes)?;
    found.expect(&settings.topic, settings.key, settings.partitions)?;
    Ok(found)
}

fn make(disk: &dyn Disk, settings: &Settings) -> Result<Header, LogError> {
    let system = |error| LogError::system("making the log's folder", &error);
    let partitions = settings.partitions.unwrap_or(super::DEFAULT_PARTITIONS);
    let header = Header { partitions, topic: settings.topic.clone(), key: settings.key };
    header.fits()?;
    for partition in 0..partitions {
        let folder = super::folder(partition);
        disk.create_dir(&folder).map_err(system)?;
        if !disk.list(&folder).map_err(system)?.is_empty() {
            return Err(LogError::CorruptHeader);
        }
    }
    let file = disk.create(NEW_NAME).map_err(system)?;
    file.write_at(0, &header.encode()).map_err(system)?;
    file.sync().map_err(system)?;
    disk.sync_dir("").map_err(system)?;
    disk.rename(NEW_NAME, NAME).map_err(system)?;
    disk.sync_dir("").map_err(system)?;
    Ok(header)
}

/// The header's file.
pub(super) fn extent(disk: &dyn Disk) -> Result<Extent, LogError> {
    let system = |error| LogError::system("opening the log's header", &error);
    let bytes = disk.open(NAME).and_then(|file| file.len()).map_err(system)?;
    Ok(Extent { name: NAME.to_owned(), bytes })
}
