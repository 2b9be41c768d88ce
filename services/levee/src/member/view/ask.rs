//! The asking side, in intake and console: who carries a partition is found by asking.
//!
//! Who answered for a partition is asked first the next time. An answer over several partitions is
//! whole or refused: a sum without one of them would look like less than there is.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use chassis::{ExposeSecret, Failure, SecretString};
use console::board::{Key, Visit};
use proto::{codes::Code, date::Instant, ids::HouseholdKey, region::Prefix};
use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio::{sync::Semaphore, task::JoinSet};
use ureq::Agent;
use watcher::Report;

use super::question::{Answers, PATH, Part, Question, Visits};
use crate::member::{config, intake::token};

/// How long one watcher may take, and how long its machine may take to answer the call at all.
const PATIENCE: Duration = Duration::from_secs(3);
const CONNECT: Duration = Duration::from_secs(1);
/// Questions that may wait for watchers at once.
const QUESTIONS: usize = 64;
/// Bytes of one answer.
const ANSWER: u64 = 64 << 20;

/// The watchers of this installation. Clones share what is known of them.
#[derive(Clone)]
pub(in crate::member) struct Watchers {
    shared: Arc<Shared>,
}

struct Shared {
    agent: Agent,
    bearer: SecretString,
    addresses: Vec<String>,
    /// Of the journal.
    partitions: u32,
    /// Of the person log.
    persons: u32,
    /// Who answered last for a partition.
    owners: Mutex<BTreeMap<u32, usize>>,
    room: Semaphore,
}

impl Watchers {
    /// Those of a configuration; nothing where it names none. `own` is the token file of the
    /// service itself; `partitions` are those of the journal and of the person log.
    ///
    /// # Errors
    /// 64: an address is not `host:port`, or the token cannot be read.
    pub(in crate::member) fn of(
        view: &config::Asked,
        own: &Path,
        (partitions, persons): (u32, u32),
    ) -> Result<Option<Watchers>, Failure> {
        if view.watchers.is_empty() {
            return Ok(None);
        }
        if let Some(at) = view.watchers.iter().position(|address| !is_address(address)) {
            let told = format!("view.watchers: entry {} is not host:port", at + 1);
            return Err(Failure::new(64, told));
        }
        let token = token(view.token.as_deref().unwrap_or(own))?;
        // Neither a proxy nor a redirect may take a household's state elsewhere.
        let agent = Agent::config_builder()
            .http_status_as_error(false)
            .proxy(None)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .timeout_connect(Some(CONNECT))
            .timeout_global(Some(PATIENCE))
            .build();
        let shared = Shared {
            agent: agent.into(),
            bearer: format!("Bearer {token}").into(),
            addresses: view.watchers.clone(),
            partitions,
            persons,
            owners: Mutex::default(),
            room: Semaphore::new(QUESTIONS),
        };
        Ok(Some(Watchers { shared: Arc::new(shared) }))
    }

    /// A household's state; nothing when it is not known.
    pub(in crate::member) async fn household(&self, id: &str) -> Result<Option<Value>, Code> {
        self.one(id, &Question::Household(id.to_owned())).await
    }

    /// What people did about a household's cases; nothing when it is not known.
    pub(in crate::member) async fn dossier(&self, id: &str) -> Result<Option<Value>, Code> {
        self.one(id, &Question::Dossier(id.to_owned())).await
    }

    /// What answers the wish for a visit in the cases of households.
    pub(in crate::member) async fn visits(&self, ids: Vec<String>) -> Result<Vec<Visit>, Code> {
        let home = |id: &String| HouseholdKey::of(id).partition(self.shared.partitions);
        let homes: BTreeSet<u32> = ids.iter().map(home).collect();
        let told: Vec<Visits> = self.all(&homes, &Question::Visits(ids)).await?;
        let visit = |(case, at): (String, Option<i64>)| {
            let on = at.map(|at| Instant(at).date());
            Key::parse(&case).map(|case| Visit { case, on }).ok_or(Code::ServiceFault)
        };
        told.into_iter().flatten().map(visit).collect()
    }

    /// What became of a call, over all partitions. The second part are records of which nothing is
    /// known yet; nothing where no partition knows the call.
    pub(in crate::member) async fn batch(&self, id: u64) -> Result<Option<(Report, u64)>, Code> {
        let journal = (0..self.shared.partitions).collect();
        let persons = (0..self.shared.persons).collect();
        let told: Vec<Option<watcher::Part>> =
            self.both(&journal, &persons, &Question::Batch(id)).await?;
        let parts: Vec<watcher::Part> = told.into_iter().flatten().collect();
        if parts.is_empty() {
            return Ok(None);
        }
        let rows = parts.iter().find_map(|part| part.rows).ok_or(Code::BatchUndecided)?;
        let mut sum = Report::default();
        parts.iter().for_each(|part| sum.add(&part.report));
        let undecided = rows.saturating_sub(sum.rows());
        Ok(Some((sum, undecided)))
    }

    /// Verdicts in an area, over all partitions.
    pub(in crate::member) async fn quality(&self, area: Prefix) -> Result<Value, Code> {
        let all = (0..self.shared.partitions).collect();
        let told = self.all(&all, &Question::Quality(area.to_string())).await?;
        let sum = told.into_iter().reduce(|mut sum: engine::Quality, part| {
            sum.add(part);
            sum
        });
        Ok(watcher::quality(area, sum.unwrap_or_default()))
    }

    /// The answer of the partition that holds a household.
    async fn one<T>(&self, household: &str, question: &Question) -> Result<T, Code>
    where
        T: DeserializeOwned + Send + 'static,
    {
        let shared = &self.shared;
        let _seat = shared.room.try_acquire().map_err(|_| Code::OverloadBusy)?;
        let partition = HouseholdKey::of(household).partition(shared.partitions);
        let body = body(question)?;
        let known = shared.owners().get(&partition).copied();
        if let Some(at) = known {
            let told: Option<Answers<T>> = shared.call(at, Arc::clone(&body)).await;
            if let Some(part) = told.and_then(|mut told| told.partitions.remove(&partition)) {
                return Ok(part.answer);
            }
        }
        let others = (0..shared.addresses.len()).filter(|at| Some(*at) != known);
        let mut calls = shared.calls(others, &body);
        while let Some(told) = calls.join_next().await {
            let Ok((at, Some(Answers { mut partitions, .. }))) = told else { continue };
            if let Some(part) = partitions.remove(&partition) {
                shared.owners().insert(partition, at);
                return Ok(part.answer);
            }
        }
        Err(Code::PartitionUncarried)
    }

    /// The answers of these partitions of the journal, of all of them.
    async fn all<T>(&self, wanted: &BTreeSet<u32>, question: &Question) -> Result<Vec<T>, Code>
    where
        T: DeserializeOwned + Send + 'static,
    {
        self.both(wanted, &BTreeSet::new(), question).await
    }

    /// The answers of these partitions of the journal and of the person log, of all of them.
    async fn both<T>(
        &self,
        journal: &BTreeSet<u32>,
        persons: &BTreeSet<u32>,
        question: &Question,
    ) -> Result<Vec<T>, Code>
    where
        T: DeserializeOwned + Send + 'static,
    {
        let shared = &self.shared;
        let _seat = shared.room.try_acquire().map_err(|_| Code::OverloadBusy)?;
        let body = body(question)?;
        let mut known = Answers { partitions: BTreeMap::new(), persons: BTreeMap::new() };
        let mut calls = shared.calls(0..shared.addresses.len(), &body);
        while !(journal.iter().all(|p| known.partitions.contains_key(p))
            && persons.iter().all(|p| known.persons.contains_key(p)))
        {
            let Some(told) = calls.join_next().await else { return Err(Code::PartitionUncarried) };
            let Ok((_, Some(Answers { partitions: some, persons: more }))) = told else { continue };
            gather(&mut known.partitions, some, journal);
            gather(&mut known.persons, more, persons);
        }
        let all = known.partitions.into_values().chain(known.persons.into_values());
        Ok(all.map(|part| part.answer).collect())
    }
}

/// Takes what is wanted. Of a former owner and its successor the one that has folded more knows.
fn gather<T>(
    known: &mut BTreeMap<u32, Part<T>>,
    told: BTreeMap<u32, Part<T>>,
    wanted: &BTreeSet<u32>,
) {
    for (partition, part) in told.into_iter().filter(|(partition, _)| wanted.contains(partition)) {
        if known.get(&partition).is_none_or(|known| known.next < part.next) {
            known.insert(partition, part);
        }
    }
}

impl Shared {
    fn owners(&self) -> MutexGuard<'_, BTreeMap<u32, usize>> {
        self.owners.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Asks several watchers at once.
    fn calls<T>(
        self: &Arc<Self>,
        watchers: impl Iterator<Item = usize>,
        body: &Arc<Vec<u8>>,
    ) -> JoinSet<(usize, Option<Answers<T>>)>
    where
        T: DeserializeOwned + Send + 'static,
    {
        let mut calls = JoinSet::new();
        for at in watchers {
            let (shared, body) = (Arc::clone(self), Arc::clone(body));
            calls.spawn(async move { (at, shared.call(at, body).await) });
        }
        calls
    }

    /// Asks one watcher; nothing where it does not answer or does not carry what is asked about.
    async fn call<T>(self: &Arc<Self>, at: usize, body: Arc<Vec<u8>>) -> Option<Answers<T>>
    where
        T: DeserializeOwned + Send + 'static,
    {
        let shared = Arc::clone(self);
        tokio::task::spawn_blocking(move || shared.ask(at, &body)).await.ok()?
    }

    fn ask<T: DeserializeOwned>(&self, at: usize, body: &[u8]) -> Option<Answers<T>> {
        let watcher = self.addresses.get(at)?;
        let asked = self
            .agent
            .post(format!("http://{watcher}{PATH}"))
            .header("authorization", self.bearer.expose_secret())
            .content_type("application/json")
            .send(body);
        let mut told = match asked {
            Ok(told) => told,
            Err(_) => {
                tracing::debug!(watcher, "a watcher cannot be asked");
                return None;
            }
        };
        match told.status().as_u16() {
            200 => {}
            401 => {
                let code = Code::AuthRequired.name();
                tracing::error!(watcher, code, "a watcher does not take this service's token");
                return None;
            }
            _ => return None,
        }
        let read = told.body_mut().with_config().limit(ANSWER).read_json();
        if read.is_err() {
            tracing::warn!(watcher, "a watcher's answer is cut short or not understood");
        }
        read.ok()
    }
}

fn body(question: &Question) -> Result<Arc<Vec<u8>>, Code> {
    serde_json::to_vec(question).map(Arc::new).map_err(|_| Code::ServiceFault)
}

/// `host:port`; a scheme, a path or a user would send the token elsewhere than it looks.
fn is_address(text: &str) -> bool {
    let Some((host, port)) = text.rsplit_once(':') else { return false };
    let letter = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
    let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
    let host = match bare {
        Some(address) => address.parse::<std::net::Ipv6Addr>().is_ok(),
        None => !host.is_empty() && host.chars().all(letter),
    };
    host && port.parse::<u16>().is_ok_and(|port| port > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_a_host_and_a_port_and_nothing_else() {
        for good in ["127.0.0.1:9111", "watcher-0:9111", "[::1]:9111", "a_b.example.gov:1"] {
            assert!(is_address(good), "{good}");
        }
        for bad in [
            "",
            "watcher",
            ":9111",
            "a:0",
            "a:70000",
            "http://a:1",
            "a:1/b",
            "u@a:1",
            "a b:1",
            "::1:2",
        ] {
            assert!(!is_address(bad), "{bad}");
        }
    }

    #[tokio::test]
    async fn whom_nobody_answers_for_is_never_unknown() {
        let folder = tempfile::tempdir().unwrap();
        let own = folder.path().join("token");
        std::fs::write(&own, "secret\n").unwrap();
        let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let asked = config::Asked { watchers: vec![free.to_string()], token: None };
        let watchers = Watchers::of(&asked, &own, (4, 2)).unwrap().unwrap();
        assert_eq!(watchers.household("H1").await, Err(Code::PartitionUncarried));
        assert_eq!(watchers.quality(Prefix::ALL).await, Err(Code::PartitionUncarried));
        assert_eq!(watchers.visits(vec!["H1".into()]).await, Err(Code::PartitionUncarried));
        assert_eq!(watchers.batch(7).await, Err(Code::PartitionUncarried));
        assert_eq!(watchers.visits(Vec::new()).await, Ok(Vec::new()));
        let none = Watchers::of(&config::Asked::default(), &own, (4, 2)).unwrap();
        assert!(none.is_none());
        let bad = config::Asked { watchers: vec!["http://a:1".into()], token: None };
        assert!(Watchers::of(&bad, &own, (4, 2)).is_err_and(|failure| failure.exit() == 64));
    }
}
