//! A row that is taken out of the ledger behind the notifier's back is missed within a minute.

use sqlx::{Connection, SqliteConnection, sqlite::SqliteConnectOptions};

use crate::field::{Field, count, until};

#[test]
fn a_lost_row_is_an_alarm() {
    let mut field = Field::new();
    let mut server = field.start();
    server.wait_until_ready();
    field.families(&server, 20);
    let id = field.subscribe(&server, "ok/a");
    let held = field.subscribe(&server, "500/a");
    field.clues(&server, 0..20);
    until(|| count(&server, &id, &["delivered"]) == 20 && count(&server, &held, &["pending"]) > 0);
    let missing = |path: &str| {
        let (_, books) = server.call("GET", path, None);
        let items = books["items"].as_array().unwrap().clone();
        items.iter().map(|book| book["missing"].as_i64().unwrap()).sum::<i64>()
    };
    assert_eq!(missing("/v1/operators/books"), 0);
    let file = field.data().join("store.sqlite");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let options = SqliteConnectOptions::new().filename(&file);
        let mut thief = SqliteConnection::connect_with(&options).await.unwrap();
        let one = "DELETE FROM deliveries WHERE id = (SELECT MIN(id) FROM deliveries)";
        let gone = sqlx::query(one).execute(&mut thief).await.unwrap();
        assert_eq!(gone.rows_affected(), 1);
    });
    assert_eq!(missing("/v1/operators/books"), 1);
    let cried = || {
        let tasks = server.all("/v1/operators/queue");
        tasks.iter().any(|t| t["kind"] == "conservation" && t["code"] == "conservation.broken")
    };
    until(cried);
    let url = format!("{}/metrics", server.base());
    let mut metrics = system_tests::server::agent().get(url).call().unwrap();
    let metrics = metrics.body_mut().read_to_string().unwrap();
    assert!(
        metrics.lines().any(|line| line == "levee_notifier_conservation_missing 1"),
        "{metrics}"
    );
    server.kill();
}
