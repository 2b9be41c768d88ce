//! How much room the disk of a data folder has, as metrics. It refuses to know what fills it.

use std::path::{Path, PathBuf};

use prometheus::{
    IntGauge, Registry,
    core::{Collector, Desc},
    proto::MetricFamily,
};

/// `levee_data_free_bytes` and `levee_data_size_bytes`, asked of the system at each scrape.
struct Volume {
    dir: PathBuf,
    free: IntGauge,
    size: IntGauge,
}

/// Adds the metrics of this folder's disk.
pub(crate) fn register(registry: &Registry, dir: &Path) -> Result<(), prometheus::Error> {
    let free = "Room that the process may still use on the disk of the data folder.";
    let free = IntGauge::new("levee_data_free_bytes", free)?;
    let size = IntGauge::new("levee_data_size_bytes", "Size of the disk of the data folder.")?;
    registry.register(Box::new(Volume { dir: dir.to_path_buf(), free, size }))
}

impl Collector for Volume {
    fn desc(&self) -> Vec<&Desc> {
        self.free.desc().into_iter().chain(self.size.desc()).collect()
    }

    fn collect(&self) -> Vec<MetricFamily> {
        // Without an answer there are no samples, which is told apart from an empty disk.
        let Ok(disk) = rustix::fs::statvfs(&self.dir) else { return Vec::new() };
        let bytes =
            |blocks: u64| i64::try_from(blocks.saturating_mul(disk.f_frsize)).unwrap_or(i64::MAX);
        self.free.set(bytes(disk.f_bavail));
        self.size.set(bytes(disk.f_blocks));
        self.free.collect().into_iter().chain(self.size.collect()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_that_is_there_has_a_disk() {
        let folder = tempfile::tempdir().unwrap();
        let registry = Registry::new();
        register(&registry, folder.path()).unwrap();
        let value = |name: &str| {
            let families = registry.gather();
            let family = families.iter().find(|family| family.name() == name)?;
            Some(family.get_metric()[0].get_gauge().get_value())
        };
        let (free, size) = (value("levee_data_free_bytes"), value("levee_data_size_bytes"));
        assert!(size > Some(0.0) && free <= size, "{free:?} of {size:?}");
        drop(folder);
        assert_eq!(value("levee_data_free_bytes"), None);
    }
}
