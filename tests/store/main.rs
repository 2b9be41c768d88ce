//! The store on both backends: one suite, and what only several processes on one server can show.

#![expect(clippy::unwrap_used, reason = "a test: a failed step must end it")]

mod random;
mod suite;

use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use sqlx::Connection;
use store::{Postgres, Sqlite, Store};
use system_tests::postgres::Server;

/// An empty store each time.
enum Empty<'a> {
    Sqlite { folder: &'a Path, made: AtomicUsize },
    Postgres { server: &'a Server, made: AtomicUsize },
}

impl Empty<'_> {
    async fn store(&self) -> Arc<dyn Store> {
        match self {
            Empty::Sqlite { folder, made } => {
                let n = made.fetch_add(1, Ordering::Relaxed);
                Arc::new(Sqlite::open(&folder.join(format!("{n}.sqlite"))).await.unwrap())
            }
            Empty::Postgres { server, made } => {
                let n = made.fetch_add(1, Ordering::Relaxed);
                Arc::new(Postgres::open(&database(server, n).await).await.unwrap())
            }
        }
    }
}

/// A new database.
async fn database(server: &Server, n: usize) -> String {
    let mut first = sqlx::PgConnection::connect(&server.url("postgres")).await.unwrap();
    let name = format!("n{n}");
    let make = sqlx::AssertSqlSafe(format!("CREATE DATABASE {name}"));
    sqlx::query(make).execute(&mut first).await.unwrap();
    server.url(&name)
}

async fn all(empty: &Empty<'_>) {
    suite::a_subscription_is_made_changed_and_deleted(&*empty.store().await).await;
    suite::a_plan_is_whole_or_stale(&*empty.store().await).await;
    suite::a_message_is_claimed_once_and_ends_once(&*empty.store().await).await;
    suite::what_ends_badly_goes_to_the_second_channel_and_to_people(&*empty.store().await).await;
    suite::a_group_goes_as_its_first_goes(&*empty.store().await).await;
    suite::a_dead_senders_claims_come_back(&*empty.store().await).await;
    suite::a_replay_arms_what_is_there_and_makes_what_is_not(&*empty.store().await).await;
    suite::what_came_after_a_message_waits_once_more(&*empty.store().await).await;
    suite::a_dead_lane_is_swept(&*empty.store().await).await;
    suite::what_ended_long_ago_is_cleared_and_stays_in_the_books(&*empty.store().await).await;
    random::books_add_up_whatever_happens(&*empty.store().await).await;
}

#[tokio::test]
async fn sqlite_does_what_a_store_promises() {
    let folder = tempfile::tempdir().unwrap();
    all(&Empty::Sqlite { folder: folder.path(), made: AtomicUsize::new(0) }).await;
}

#[tokio::test]
async fn a_database_that_is_not_ours_is_not_touched() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("store.sqlite");
    Sqlite::open(&file).await.unwrap().close().await;
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(&file);
    let mut other = sqlx::SqliteConnection::connect_with(&options).await.unwrap();
    let change = "UPDATE _sqlx_migrations SET checksum = x'00'";
    sqlx::query(change).execute(&mut other).await.unwrap();
    let code = |opened: Result<Sqlite, store::StoreError>| opened.unwrap_err().code().name();
    assert_eq!(code(Sqlite::open(&file).await), "store.schema");
    assert_eq!(code(Sqlite::open(folder.path()).await), "store.unavailable");
    let url = Postgres::open("mysql://levee@127.0.0.1/a").await.unwrap_err();
    assert_eq!(url.code().name(), "store.url");
}

#[tokio::test]
async fn postgres_does_what_a_store_promises() {
    let folder = tempfile::tempdir().unwrap();
    let Some(server) = Server::start(folder.path()) else { return };
    all(&Empty::Postgres { server: &server, made: AtomicUsize::new(0) }).await;
}

#[tokio::test]
async fn two_instances_on_one_server_never_claim_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let Some(server) = Server::start(folder.path()) else { return };
    let url = database(&server, 0).await;
    let (one, two) = (Postgres::open(&url).await.unwrap(), Postgres::open(&url).await.unwrap());
    suite::two_claim_all_of_a_lane_between_them(Arc::new(one), Arc::new(two)).await;
}
