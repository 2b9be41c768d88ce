//! The ports of door and pages, answered by the watcher. It translates and decides nothing.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use console::{
    Answer, SignIn, Unreadable,
    board::{Key, Visit},
};
use intake::{
    BatchReport, BoxFuture, Outcome, Receipt, Submission, SubmitError, caller::OperatorToken,
};
use proto::{catalogue::Catalogue, codes::Code, date::Instant, region::Prefix};
use tokio::sync::watch;
use watcher::{AlertsLog, Watcher};

/// Seconds after which a busy journal may be asked again.
const RETRY_S: u32 = 1;

/// The journal as the door sees it.
pub(super) struct JournalPort {
    watcher: Watcher,
    /// Whether the packs are in force, so that what enters is decided by them.
    pub(super) open: AtomicBool,
}

impl JournalPort {
    pub(super) fn new(watcher: Watcher) -> JournalPort {
        JournalPort { watcher, open: AtomicBool::new(false) }
    }

    pub(super) fn watcher(&self) -> &Watcher {
        &self.watcher
    }
}

fn error(error: watcher::SubmitError) -> SubmitError {
    match error {
        watcher::SubmitError::Busy => SubmitError::Busy { retry_after_s: RETRY_S },
        watcher::SubmitError::Full => SubmitError::Full,
        watcher::SubmitError::Starting => SubmitError::Starting,
        watcher::SubmitError::Fault => SubmitError::Fault,
    }
}

/// What the door is told of an entry.
pub(crate) fn outcome(outcome: engine::Outcome) -> Outcome {
    match outcome {
        engine::Outcome::Accepted | engine::Outcome::Unmatched => Outcome::Accepted,
        engine::Outcome::Duplicate => Outcome::Duplicate,
        engine::Outcome::Parked => Outcome::Parked,
        engine::Outcome::Refused(code) => Outcome::Refused(code),
    }
}

/// A batch's report as the door gives it, everything being decided.
pub(crate) fn report(batch: u64, told: watcher::Report) -> BatchReport {
    let watcher::Report { accepted, duplicate, parked, matched, decided, dead_lettered } = told;
    let undecided = 0;
    BatchReport { batch, accepted, duplicate, parked, matched, decided, dead_lettered, undecided }
}

/// What the watcher takes of a call.
pub(crate) fn submission(submission: Submission) -> watcher::Submission {
    let Submission { entries, refused, dead } = submission;
    let dead = dead.iter().map(|letter| letter.to_json().into_bytes()).collect();
    watcher::Submission { entries, refused, dead, past: None }
}

impl intake::Journal for JournalPort {
    fn submit(&self, brought: Submission) -> BoxFuture<'_, Result<Receipt, SubmitError>> {
        Box::pin(async move {
            if !self.open.load(Ordering::Acquire) {
                return Err(SubmitError::Starting);
            }
            let answer = self.watcher.submit(submission(brought)).map_err(error)?;
            let receipt = answer.await.unwrap_or(Err(watcher::SubmitError::Fault));
            let watcher::Receipt { batch, outcomes } = receipt.map_err(error)?;
            let outcomes = outcomes.into_iter().map(outcome).collect();
            Ok(Receipt { batch, outcomes })
        })
    }

    fn catalogue(&self) -> Arc<Catalogue> {
        self.watcher.catalogue()
    }

    fn packs(&self) -> Vec<Arc<rules::Pack>> {
        self.watcher.packs()
    }

    fn batch(&self, id: u64) -> BoxFuture<'_, Result<Option<BatchReport>, SubmitError>> {
        Box::pin(async move { Ok(self.watcher.report(id).await.map(|told| report(id, told))) })
    }

    fn household(
        &self,
        id: String,
    ) -> BoxFuture<'_, Result<Option<serde_json::Value>, SubmitError>> {
        Box::pin(async move { self.watcher.household(id).await.map_err(error) })
    }

    fn quality(
        &self,
        area: Prefix,
    ) -> BoxFuture<'_, Result<Option<serde_json::Value>, SubmitError>> {
        Box::pin(async move { self.watcher.quality(area).await.map(Some).map_err(error) })
    }

    fn now(&self) -> Instant {
        self.watcher.now()
    }
}

/// The alerts as the pages see them.
pub(super) struct AlertsPort(pub(super) AlertsLog);

impl console::Alerts for AlertsPort {
    fn start(&self) -> u64 {
        self.0.start()
    }

    fn end(&self) -> u64 {
        self.0.end()
    }

    fn read(&self, from: u64, max: usize) -> Result<Vec<(u64, Vec<u8>)>, Unreadable> {
        self.0.read(from, max).map_err(|_| Unreadable)
    }

    fn wait(&self) -> watch::Receiver<u64> {
        self.0.follow()
    }
}

/// The households as the pages see them.
pub(super) struct HouseholdsPort(pub(super) Watcher);

fn away(error: watcher::SubmitError) -> Code {
    match error {
        watcher::SubmitError::Busy => Code::OverloadBusy,
        watcher::SubmitError::Full => Code::StorageFull,
        watcher::SubmitError::Starting => Code::ServiceStarting,
        watcher::SubmitError::Fault => Code::ServiceFault,
    }
}

/// A visit as the pages see it.
pub(crate) fn visit(visit: engine::Visit) -> Visit {
    Visit { case: Key(visit.case.0), on: visit.at.map(|at| at.date()) }
}

impl console::Households for HouseholdsPort {
    fn household(&self, id: String) -> Answer<'_, Result<Option<serde_json::Value>, Code>> {
        Box::pin(async move { self.0.household(id).await.map_err(away) })
    }

    fn dossier(&self, id: String) -> Answer<'_, Result<Option<serde_json::Value>, Code>> {
        Box::pin(async move { Ok(self.0.dossiers(vec![id]).await.map_err(away)?.pop()) })
    }

    fn visits(&self, households: Vec<String>) -> Answer<'_, Result<Vec<Visit>, Code>> {
        Box::pin(async move {
            let visits = self.0.visits(households).await.map_err(away)?;
            Ok(visits.into_iter().map(visit).collect())
        })
    }

    fn quality(&self, area: Prefix) -> Answer<'_, Result<serde_json::Value, Code>> {
        Box::pin(async move { self.0.quality(area).await.map_err(away) })
    }
}

/// Who may call: the operator by its token, a browser by its session.
pub(super) struct Callers {
    operator: OperatorToken,
    sign_in: Arc<SignIn>,
}

impl Callers {
    pub(super) fn new(operator: OperatorToken, sign_in: Arc<SignIn>) -> Callers {
        Callers { operator, sign_in }
    }

    pub(super) fn is_operator(&self, token: &str) -> bool {
        self.operator.is(token)
    }
}

impl intake::Accounts for Callers {
    fn bearer(&self, token: &str) -> Option<intake::Caller> {
        intake::Accounts::bearer(&self.operator, token)
    }

    fn session(&self, cookie: &str) -> Option<intake::Caller> {
        let header = format!("{}={cookie}", console::COOKIE);
        let region = self.sign_in.session(&header)?.region;
        let role = intake::Role::Worker;
        Some(intake::Caller { account: "session".into(), region, role, feeds: None })
    }
}

impl console::Accounts for Callers {
    fn bearer(&self, token: &str) -> Option<console::Caller> {
        self.operator.is(token).then_some(console::Caller { region: Prefix::ALL })
    }
}
