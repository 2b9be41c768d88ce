//! A disk in memory that forgets what was not synced, as real ones do, and fails on demand. It
//! knows nothing of records.

use super::seeded::Seeded;
use crate::disk::{Disk, DiskFile};
use std::collections::BTreeMap;
use std::io::{Error, ErrorKind, Result};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Unit in which a torn write survives a crash or not.
const SECTOR: usize = 512;

/// What goes wrong on the disk.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct DiskFaults {
    /// Of 1000 writes, how many stop half-way with an error.
    pub write: u32,
    /// Of 1000 syncs, how many fail; what they were to make durable is then lost in part, and a
    /// later sync does not bring it back.
    pub sync: u32,
    /// Bytes that fit; `None` is without limit.
    pub capacity: Option<u64>,
}

/// A seeded disk that outlives the logs opened on it. Clones are the same disk.
#[derive(Clone)]
pub struct SimulatedDisk(Arc<Mutex<World>>);

struct World {
    seeded: Seeded,
    faults: DiskFaults,
    /// Grows with each crash; handles of earlier ones are dead.
    age: u64,
    locked: bool,
    crash_after: Option<u64>,
    files: Vec<File>,
    names: BTreeMap<String, Node>,
    synced_names: BTreeMap<String, Node>,
    name_changes: Vec<NameChange>,
    trace: u64,
}

#[derive(Clone, Copy, PartialEq)]
enum Node {
    Folder,
    File(usize),
}

#[derive(Default)]
struct File {
    data: Vec<u8>,
    synced: Vec<u8>,
    changes: Vec<Change>,
}

enum Change {
    Write { at: usize, bytes: Vec<u8> },
    Cut(usize),
}

enum NameChange {
    Link(String, Node),
    Unlink(String),
    Rename(String, String),
}

impl SimulatedDisk {
    /// An empty disk.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self(Arc::new(Mutex::new(World {
            seeded: Seeded::new(seed),
            faults: DiskFaults::default(),
            age: 0,
            locked: false,
            crash_after: None,
            files: Vec::new(),
            names: BTreeMap::new(),
            synced_names: BTreeMap::new(),
            name_changes: Vec::new(),
            trace: 0xCBF2_9CE4_8422_2325,
        })))
    }

    /// Says what goes wrong from now on.
    pub fn set_faults(&self, faults: DiskFaults) {
        self.world().faults = faults;
    }

    /// The power fails: what was not synced survives in part, by the seed. Every handle is dead.
    pub fn crash(&self) {
        self.world().crash();
    }

    /// The power fails before the change (of a file or a name) that follows the next `changes`.
    pub fn crash_after(&self, changes: u64) {
        self.world().crash_after = Some(changes);
    }

    /// The disk as it is until the next crash.
    #[must_use]
    pub fn mount(&self) -> Arc<dyn Disk> {
        Arc::new(Mount { disk: self.clone(), age: self.world().age })
    }

    /// A digest of every change so far, its bytes included: two runs that agree here are the same.
    #[must_use]
    pub fn trace(&self) -> u64 {
        self.world().trace
    }

    pub(super) fn fork(&self) -> Seeded {
        Seeded::new(self.world().seeded.next())
    }

    fn world(&self) -> MutexGuard<'_, World> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl World {
    fn crash(&mut self) {
        self.note("crash", &[]);
        self.age += 1;
        self.locked = false;
        self.crash_after = None;
        for change in std::mem::take(&mut self.name_changes) {
            if self.seeded.coin() {
                change.apply(&mut self.synced_names);
            }
        }
        self.names = self.synced_names.clone();
        for file in &mut self.files {
            file.lose(&mut self.seeded);
            file.data = file.synced.clone();
        }
    }

    /// FNV-1a over the name of what happens and its bytes.
    fn note(&mut self, what: &str, bytes: &[u8]) {
        for byte in what.bytes().chain(bytes.iter().copied()) {
            self.trace = (self.trace ^ u64::from(byte)).wrapping_mul(0x0100_0000_01B3);
        }
    }

    fn fails(&mut self, of_1000: u32) -> bool {
        of_1000 > 0 && self.seeded.below(1000) < u64::from(of_1000)
    }

    /// Bytes left for files.
    fn room(&self) -> usize {
        let used: usize = self
            .names
            .values()
            .map(|node| if let Node::File(id) = node { self.files[*id].data.len() } else { 0 })
            .sum();
        self.faults.capacity.map_or(usize::MAX, |capacity| {
            usize::try_from(capacity).unwrap_or(usize::MAX).saturating_sub(used)
        })
    }

    fn change_name(&mut self, change: NameChange) {
        match &change {
            NameChange::Link(name, _) => self.note("link", name.as_bytes()),
            NameChange::Unlink(name) => self.note("unlink", name.as_bytes()),
            NameChange::Rename(from, to) => self.note("rename", format!("{from} {to}").as_bytes()),
        }
        change.apply(&mut self.names);
        self.name_changes.push(change);
    }
}

impl NameChange {
    fn apply(&self, names: &mut BTreeMap<String, Node>) {
        match self {
            Self::Link(name, node) => {
                names.insert(name.clone(), *node);
            }
            Self::Unlink(name) => {
                names.remove(name);
            }
            Self::Rename(from, to) => {
                if let Some(node) = names.remove(from) {
                    names.insert(to.clone(), node);
                }
            }
        }
    }

    fn folder(&self) -> &str {
        let (Self::Link(name, _) | Self::Unlink(name) | Self::Rename(_, name)) = self;
        name.rsplit_once('/').map_or("", |(folder, _)| folder)
    }
}

impl Change {
    fn apply(&self, data: &mut Vec<u8>) {
        match self {
            Self::Write { at, bytes } => write(data, *at, bytes),
            Self::Cut(len) => data.resize(*len, 0),
        }
    }
}

fn write(data: &mut Vec<u8>, at: usize, bytes: &[u8]) {
    let end = at + bytes.len();
    if data.len() < end {
        data.resize(end, 0);
    }
    data[at..end].copy_from_slice(bytes);
}

impl File {
    /// Lets what was not synced survive wholly, in a leading part, in some sectors, or not at all.
    fn lose(&mut self, seeded: &mut Seeded) {
        for change in std::mem::take(&mut self.changes) {
            let Change::Write { at, bytes } = &change else {
                if seeded.coin() {
                    change.apply(&mut self.synced);
                }
                continue;
            };
            match seeded.below(4) {
                0 => {}
                1 => change.apply(&mut self.synced),
                2 => {
                    let kept = seeded.below(bytes.len() as u64 + 1) as usize;
                    write(&mut self.synced, *at, &bytes[..kept]);
                }
                _ => {
                    let mut from = 0;
                    while from < bytes.len() {
                        let to = ((at + from) / SECTOR + 1) * SECTOR - at;
                        let to = to.min(bytes.len());
                        if seeded.coin() {
                            write(&mut self.synced, at + from, &bytes[from..to]);
                        }
                        from = to;
                    }
                }
            }
        }
    }
}

/// The disk between two crashes.
struct Mount {
    disk: SimulatedDisk,
    age: u64,
}

impl Mount {
    fn world(&self) -> Result<MutexGuard<'_, World>> {
        let world = self.disk.world();
        if world.age == self.age {
            return Ok(world);
        }
        Err(Error::other("the machine crashed"))
    }

    /// The world for a change, unless the power fails before it.
    fn changing(&self) -> Result<MutexGuard<'_, World>> {
        let mut world = self.world()?;
        if world.crash_after == Some(0) {
            world.crash();
            drop(world);
            return self.world();
        }
        world.crash_after = world.crash_after.map(|changes| changes - 1);
        Ok(world)
    }

    fn file(&self, id: usize) -> Arc<dyn DiskFile> {
        Arc::new(Handle { mount: Self { disk: self.disk.clone(), age: self.age }, id })
    }
}

impl Disk for Mount {
    fn lock(&self, _name: &str) -> Result<Box<dyn Send + Sync>> {
        let mut world = self.world()?;
        if world.locked {
            return Err(ErrorKind::WouldBlock.into());
        }
        world.locked = true;
        Ok(Box::new(Locked(Self { disk: self.disk.clone(), age: self.age })))
    }

    fn create_dir(&self, name: &str) -> Result<()> {
        let mut world = self.changing()?;
        if !world.names.contains_key(name) {
            world.change_name(NameChange::Link(name.to_owned(), Node::Folder));
        }
        Ok(())
    }

    fn list(&self, name: &str) -> Result<Vec<String>> {
        let world = self.world()?;
        if !name.is_empty() && world.names.get(name) != Some(&Node::Folder) {
            return Err(ErrorKind::NotFound.into());
        }
        let inside = |path: &String| {
            let (folder, file) = path.rsplit_once('/').unwrap_or(("", path));
            (folder == name).then(|| file.to_owned())
        };
        Ok(world.names.keys().filter_map(inside).collect())
    }

    fn create(&self, name: &str) -> Result<Arc<dyn DiskFile>> {
        let mut world = self.changing()?;
        if let Some(Node::File(id)) = world.names.get(name).copied() {
            drop(world);
            let file = self.file(id);
            file.truncate(0)?;
            return Ok(file);
        }
        if world.room() == 0 {
            return Err(ErrorKind::StorageFull.into());
        }
        let id = world.files.len();
        world.files.push(File::default());
        world.change_name(NameChange::Link(name.to_owned(), Node::File(id)));
        Ok(self.file(id))
    }

    fn open(&self, name: &str) -> Result<Arc<dyn DiskFile>> {
        match self.world()?.names.get(name) {
            Some(Node::File(id)) => Ok(self.file(*id)),
            _ => Err(ErrorKind::NotFound.into()),
        }
    }

    fn rename(&self, from: &str, to: &str) -> Result<()> {
        let mut world = self.changing()?;
        if !world.names.contains_key(from) {
            return Err(ErrorKind::NotFound.into());
        }
        world.change_name(NameChange::Rename(from.to_owned(), to.to_owned()));
        Ok(())
    }

    fn remove(&self, name: &str) -> Result<()> {
        let mut world = self.changing()?;
        if !world.names.contains_key(name) {
            return Err(ErrorKind::NotFound.into());
        }
        world.change_name(NameChange::Unlink(name.to_owned()));
        Ok(())
    }

    fn sync_dir(&self, name: &str) -> Result<()> {
        let world = &mut *self.changing()?;
        world.note("sync folder", name.as_bytes());
        let changes = std::mem::take(&mut world.name_changes);
        let (here, elsewhere) = changes.into_iter().partition(|change| change.folder() == name);
        world.name_changes = elsewhere;
        let here: Vec<NameChange> = here;
        here.iter().for_each(|change| change.apply(&mut world.synced_names));
        Ok(())
    }
}

struct Locked(Mount);

impl Drop for Locked {
    fn drop(&mut self) {
        if let Ok(mut world) = self.0.world() {
            world.locked = false;
        }
    }
}

struct Handle {
    mount: Mount,
    id: usize,
}

impl DiskFile for Handle {
    fn len(&self) -> Result<u64> {
        Ok(self.mount.world()?.files[self.id].data.len() as u64)
    }

    fn read_at(&self, at: u64, into: &mut [u8]) -> Result<()> {
        let world = self.mount.world()?;
        let from = usize::try_from(at).map_err(|_| ErrorKind::UnexpectedEof)?;
        let found = world.files[self.id].data.get(from..).and_then(|rest| rest.get(..into.len()));
        into.copy_from_slice(found.ok_or(ErrorKind::UnexpectedEof)?);
        Ok(())
    }

    fn write_at(&self, at: u64, bytes: &[u8]) -> Result<()> {
        let world = &mut *self.mount.changing()?;
        let at = usize::try_from(at).map_err(|_| ErrorKind::InvalidInput)?;
        let held = world.files[self.id].data.len();
        let fits = world.room().saturating_add(held.saturating_sub(at));
        let (kept, outcome) = if world.fails(world.faults.write) {
            let kept = world.seeded.below(bytes.len() as u64 + 1) as usize;
            (kept.min(fits), Err(Error::other("a write failed")))
        } else if bytes.len() > fits {
            (fits, Err(ErrorKind::StorageFull.into()))
        } else {
            (bytes.len(), Ok(()))
        };
        let bytes = bytes[..kept].to_vec();
        world.note("write", &bytes);
        let file = &mut world.files[self.id];
        let change = Change::Write { at, bytes };
        change.apply(&mut file.data);
        file.changes.push(change);
        outcome
    }

    fn sync(&self) -> Result<()> {
        let world = &mut *self.mount.changing()?;
        world.note("sync", &self.id.to_le_bytes());
        let fails = world.fails(world.faults.sync);
        let file = &mut world.files[self.id];
        if fails {
            file.lose(&mut world.seeded);
            return Err(Error::other("a sync failed"));
        }
        let changes = std::mem::take(&mut file.changes);
        changes.iter().for_each(|change| change.apply(&mut file.synced));
        Ok(())
    }

    fn truncate(&self, len: u64) -> Result<()> {
        let world = &mut *self.mount.changing()?;
        let len = usize::try_from(len).map_err(|_| ErrorKind::InvalidInput)?;
        world.note("truncate", &len.to_le_bytes());
        let file = &mut world.files[self.id];
        let change = Change::Cut(len);
        change.apply(&mut file.data);
        file.changes.push(change);
        Ok(())
    }
}
