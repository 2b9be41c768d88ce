//! Of two owners only one keeps snapshots, on a real folder and whatever answers are lost.

use super::*;

fn folder() -> (tempfile::TempDir, Arc<dyn Store>) {
    let folder = tempfile::tempdir().unwrap();
    let store = ObjectFolder::open(folder.path()).unwrap();
    (folder, Arc::new(store))
}

fn take(store: &Arc<dyn Store>, owner: &str) -> Ownership {
    Ownership::take(Arc::clone(store), "journal-0007", owner).unwrap()
}

fn newest(ownership: &Ownership) -> Option<Vec<u8>> {
    ownership.snapshots().first().map(|name| ownership.read(name).unwrap())
}

#[test]
fn a_store_makes_an_object_once() {
    let (_folder, store) = folder();
    assert_eq!(store.list("a/b").unwrap(), Vec::<String>::new());
    assert_eq!(store.get("a/b/x"), Err(StoreError::Missing));
    store.create("a/b/x", b"1").unwrap();
    store.create("a/b/w", b"3").unwrap();
    store.create("a/c", b"4").unwrap();
    assert_eq!(store.create("a/b/x", b"2"), Err(StoreError::Exists));
    assert_eq!(store.get("a/b/x").unwrap(), b"1");
    assert_eq!(store.list("a/b").unwrap(), ["w", "x"]);
    store.remove("a/b/x").unwrap();
    store.remove("a/b/x").unwrap();
    assert_eq!(store.list("a/b").unwrap(), ["w"]);
}

#[test]
fn a_successor_begins_with_the_newest_snapshot_and_the_former_owner_is_refused() {
    let (_folder, store) = folder();
    let mut first = take(&store, "first");
    assert_eq!(newest(&first), None);
    first.keep(10, b"ten").unwrap();
    let mut second = take(&store, "second");
    assert_eq!(newest(&second).unwrap(), b"ten");
    assert_eq!(first.keep(20, b"late"), Err(OwnerError::Superseded));
    assert_eq!(first.keep(21, b"later"), Err(OwnerError::Superseded));
    second.keep(15, b"fifteen").unwrap();
    assert_eq!(newest(&take(&store, "third")).unwrap(), b"fifteen");
}

#[test]
fn a_former_owner_that_slept_over_many_generations_is_refused() {
    let (_folder, store) = folder();
    let mut first = take(&store, "first");
    let mut second = take(&store, "second");
    for next in 0..4 * GENERATIONS {
        second.keep(next, b"state").unwrap();
    }
    let gone = format!("owners/journal-0007/{:020}", first.generation + 1);
    assert_eq!(store.get(&gone), Err(StoreError::Missing));
    assert_eq!(first.keep(20, b"late"), Err(OwnerError::Superseded));
}

#[test]
fn only_the_newest_snapshots_and_generations_stay() {
    let (_folder, store) = folder();
    for round in 0..6 {
        let mut owner = take(&store, &format!("owner {round}"));
        for n in 0..4_u64 {
            let next = round * 100 + n;
            owner.keep(next, next.to_string().as_bytes()).unwrap();
        }
    }
    assert_eq!(newest(&take(&store, "last")).unwrap(), b"503");
    assert_eq!(store.list("snapshots/journal-0007").unwrap().len(), KEPT);
    assert!(store.list("owners/journal-0007").unwrap().len() <= GENERATIONS as usize + 2);
}

/// Makes objects, and says of every third that it did not.
struct Forgetful(Arc<dyn Store>, std::sync::atomic::AtomicU32);

impl Store for Forgetful {
    fn list(&self, folder: &str) -> Result<Vec<String>, StoreError> {
        self.0.list(folder)
    }

    fn get(&self, name: &str) -> Result<Vec<u8>, StoreError> {
        self.0.get(name)
    }

    fn create(&self, name: &str, bytes: &[u8]) -> Result<(), StoreError> {
        self.0.create(name, bytes)?;
        match self.1.fetch_add(1, std::sync::atomic::Ordering::Relaxed) % 3 {
            0 => Err(StoreError::Failed("no answer".to_owned())),
            _ => Ok(()),
        }
    }

    fn remove(&self, name: &str) -> Result<(), StoreError> {
        self.0.remove(name)
    }
}

#[test]
fn a_lost_answer_does_not_make_an_owner_its_own_successor() {
    let (_folder, store) = folder();
    let store: Arc<dyn Store> = Arc::new(Forgetful(store, 0.into()));
    let mut owner = loop {
        match Ownership::take(Arc::clone(&store), "journal-0007", "one") {
            Ok(owner) => break owner,
            Err(error) => assert!(matches!(error, OwnerError::Store(_)), "{error}"),
        }
    };
    for next in 0..9 {
        while let Err(error) = owner.keep(next, next.to_string().as_bytes()) {
            assert!(matches!(error, OwnerError::Store(_)), "{error}");
        }
        assert_eq!(newest(&owner).unwrap(), next.to_string().as_bytes());
    }
}
