//! Objects in a shared folder, through the `object_store` crate. It knows no snapshot.

use std::{fmt, future::Future, path::Path, sync::Arc};

use futures_util::TryStreamExt;
use object_store::{
    Error, ObjectStore, ObjectStoreExt, PutMode, PutOptions, PutPayload, local::LocalFileSystem,
    path::Path as Name,
};
use tokio::runtime::{Builder, Runtime};

use super::{Store, StoreError};

/// A store of objects. Calls block the calling thread, which must not be one of an async runtime.
pub struct ObjectFolder {
    objects: Arc<dyn ObjectStore>,
    runtime: Runtime,
}

impl fmt::Debug for ObjectFolder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.objects)
    }
}

impl ObjectFolder {
    /// The folder, made if it is not there. Every member of the group must see the same one.
    ///
    /// # Errors
    /// The folder cannot be made or used.
    pub fn open(folder: &Path) -> Result<ObjectFolder, StoreError> {
        std::fs::create_dir_all(folder).map_err(|e| StoreError::Failed(e.to_string()))?;
        let objects = LocalFileSystem::new_with_prefix(folder).map_err(failed)?.with_fsync(true);
        ObjectFolder::of(Arc::new(objects))
    }

    fn of(objects: Arc<dyn ObjectStore>) -> Result<ObjectFolder, StoreError> {
        let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build();
        let runtime = runtime.map_err(|e| StoreError::Failed(e.to_string()))?;
        Ok(ObjectFolder { objects, runtime })
    }

    fn wait<T>(
        &self,
        asked: impl Future<Output = object_store::Result<T>>,
    ) -> Result<T, StoreError> {
        self.runtime.block_on(asked).map_err(failed)
    }
}

fn failed(error: Error) -> StoreError {
    match error {
        Error::NotFound { .. } => StoreError::Missing,
        Error::AlreadyExists { .. } | Error::Precondition { .. } => StoreError::Exists,
        other => StoreError::Failed(other.to_string()),
    }
}

impl Store for ObjectFolder {
    fn list(&self, folder: &str) -> Result<Vec<String>, StoreError> {
        let prefix = Name::from(folder);
        let found: Vec<_> = self.wait(self.objects.list(Some(&prefix)).try_collect())?;
        let mut names: Vec<String> = found
            .iter()
            .filter_map(|object| object.location.filename().map(str::to_owned))
            .collect();
        names.sort_unstable();
        Ok(names)
    }

    fn get(&self, name: &str) -> Result<Vec<u8>, StoreError> {
        let name = Name::from(name);
        let read = async { self.objects.get(&name).await?.bytes().await };
        Ok(self.wait(read)?.to_vec())
    }

    fn create(&self, name: &str, bytes: &[u8]) -> Result<(), StoreError> {
        let options = PutOptions { mode: PutMode::Create, ..PutOptions::default() };
        let payload = PutPayload::from(bytes.to_vec());
        self.wait(self.objects.put_opts(&Name::from(name), payload, options)).map(|_| ())
    }

    fn remove(&self, name: &str) -> Result<(), StoreError> {
        match self.wait(self.objects.delete(&Name::from(name))) {
            Err(StoreError::Missing) => Ok(()),
            other => other,
        }
    }
}
