//! Alerts become rows, in PostgreSQL.

use async_trait::async_trait;
use sqlx::{PgConnection, Postgres as Db, QueryBuilder};

use super::Postgres;
use crate::{Answer, Entry, NewDelivery, Plan, Planning, Progress, Replay, Standing, Subscription};

/// Rows of one statement: their values stay within what a statement takes.
const ROWS: usize = 1_000;

#[async_trait]
impl Planning for Postgres {
    async fn progress(&self) -> Answer<Progress> {
        progress(&mut *self.look().await?).await
    }

    async fn standing(&self) -> Answer<Standing> {
        let mut tx = self.look().await?;
        let progress = progress(&mut tx).await?;
        let subscriptions: Vec<Subscription> =
            sqlx::query_as("SELECT * FROM subscriptions WHERE state <> 3 ORDER BY key")
                .fetch_all(&mut *tx)
                .await?;
        let open = sqlx::query_as(
            "SELECT d.subscription, d.due, COUNT(*) FROM deliveries d JOIN \
             (SELECT DISTINCT parcel FROM deliveries WHERE state = 4) o ON d.parcel = o.parcel \
             WHERE d.state IN (4, 5) GROUP BY d.subscription, d.due",
        );
        let open = open.fetch_all(&mut *tx).await?;
        let paces = sqlx::query_as("SELECT subscription, pace_at FROM books WHERE pace_at > 0");
        let paces = paces.fetch_all(&mut *tx).await?;
        Ok(Standing { progress, subscriptions, open, paces })
    }

    async fn known(&self, pairs: &[(i64, String)]) -> Answer<Vec<(i64, String)>> {
        let mut known = Vec::new();
        for some in pairs.chunks(ROWS) {
            let mut query = QueryBuilder::<Db>::new(
                "SELECT subscription, alert FROM deliveries \
                 WHERE channel = 0 AND (subscription, alert) IN (",
            );
            query.push_values(some, |mut row, (subscription, alert)| {
                row.push_bind(subscription).push_bind(alert);
            });
            let found = query.push(")").build_query_as().fetch_all(&self.pool).await?;
            known.extend::<Vec<(i64, String)>>(found);
        }
        Ok(known)
    }

    async fn plan(&self, plan: &Plan) -> Answer<bool> {
        let mut tx = self.begin().await?;
        let now: (i64, i64) =
            sqlx::query_as("SELECT seq, version FROM progress WHERE id = 1 FOR UPDATE")
                .fetch_one(&mut *tx)
                .await?;
        if now != plan.from || insert(&mut tx, &plan.rows).await? != plan.rows.len() {
            return Ok(false);
        }
        for entry in &plan.entries {
            count(&mut tx, entry, plan.to.seq).await?;
        }
        sqlx::query("UPDATE deliveries SET state = 0 WHERE state = 4 AND due <= $1")
            .bind(plan.to.closed_at)
            .execute(&mut *tx)
            .await?;
        sqlx::query("UPDATE progress SET seq = $1, closed_at = $2 WHERE id = 1")
            .bind(plan.to.seq)
            .bind(plan.to.closed_at)
            .execute(&mut *tx)
            .await?;
        for (partition, position) in &plan.to.positions {
            let put = "INSERT INTO positions (partition, position) VALUES ($1, $2) \
                       ON CONFLICT (partition) DO UPDATE SET position = excluded.position";
            sqlx::query(put).bind(partition).bind(position).execute(&mut *tx).await?;
        }
        tx.commit().await?;
        Ok(true)
    }

    async fn replays(&self) -> Answer<Vec<Replay>> {
        let all = "SELECT id, subscription, partition, position, until, since FROM replays \
                   ORDER BY id";
        Ok(sqlx::query_as(all).fetch_all(&self.pool).await?)
    }

    async fn begin_replay(&self, parts: &[Replay]) -> Answer<()> {
        let mut tx = self.begin().await?;
        for part in parts {
            let new = "INSERT INTO replays (subscription, partition, position, until, since) \
                       VALUES ($1, $2, $3, $4, $5)";
            sqlx::query(new)
                .bind(part.subscription)
                .bind(part.partition)
                .bind(part.position)
                .bind(part.until)
                .bind(part.since)
                .execute(&mut *tx)
                .await?;
        }
        Ok(tx.commit().await?)
    }

    async fn replay(&self, replay: &Replay, rows: &[NewDelivery], position: i64) -> Answer<bool> {
        let mut tx = self.begin().await?;
        let step = if position >= replay.until {
            sqlx::query("DELETE FROM replays WHERE id = $1 AND position = $2")
                .bind(replay.id)
                .bind(replay.position)
        } else {
            sqlx::query("UPDATE replays SET position = $3 WHERE id = $1 AND position = $2")
                .bind(replay.id)
                .bind(replay.position)
                .bind(position)
        };
        if step.execute(&mut *tx).await?.rows_affected() == 0 {
            return Ok(false);
        }
        for row in rows {
            let arm = "UPDATE deliveries SET state = 0, due = $1, born = $1, attempt = 0, \
                       parcel = NULL, code = NULL, settled_at = NULL \
                       WHERE subscription = $2 AND alert = $3 AND channel = 0 AND state IN (2, 3)";
            sqlx::query(arm)
                .bind(row.due)
                .bind(row.subscription)
                .bind(&row.alert)
                .execute(&mut *tx)
                .await?;
        }
        let made = i64::try_from(insert(&mut tx, rows).await?).unwrap_or(0);
        sqlx::query("UPDATE books SET extra = extra + $1 WHERE subscription = $2")
            .bind(made)
            .bind(replay.subscription)
            .execute(&mut *tx)
            .await?;
        tx.commit().await?;
        Ok(true)
    }
}

pub(super) async fn progress(tx: &mut PgConnection) -> Answer<Progress> {
    let (seq, version, closed_at) =
        sqlx::query_as("SELECT seq, version, closed_at FROM progress WHERE id = 1")
            .fetch_one(&mut *tx)
            .await?;
    let positions = sqlx::query_as("SELECT partition, position FROM positions ORDER BY partition")
        .fetch_all(tx)
        .await?;
    Ok(Progress { seq, version, closed_at, positions })
}

/// Writes the rows that are not there, and gives how many.
pub(super) async fn insert(tx: &mut PgConnection, rows: &[NewDelivery]) -> Answer<usize> {
    let mut made = 0;
    for some in rows.chunks(ROWS) {
        let mut query = QueryBuilder::<Db>::new(
            "INSERT INTO deliveries (subscription, channel, alert, seq, partition, position, \
             level, parcel, state, born, due) ",
        );
        query.push_values(some, |mut values, row| {
            values
                .push_bind(row.subscription)
                .push_bind(0i64)
                .push_bind(&row.alert)
                .push_bind(row.seq)
                .push_bind(row.partition)
                .push_bind(row.position)
                .push_bind(row.level)
                .push_bind(&row.parcel)
                .push_bind(row.state)
                .push_bind(row.due)
                .push_bind(row.due);
        });
        query.push(" ON CONFLICT DO NOTHING");
        made += query.build().execute(&mut *tx).await?.rows_affected();
    }
    Ok(usize::try_from(made).unwrap_or(usize::MAX))
}

/// Everything up to `seq` that is not in the entry was not asked for.
async fn count(tx: &mut PgConnection, entry: &Entry, seq: i64) -> Answer<()> {
    let told = entry.rows + entry.history + entry.muted + entry.duplicate;
    let put = "UPDATE books SET unmatched = unmatched + ($1 - counted_to) - $2, counted_to = $1, \
               history = history + $3, muted = muted + $4, duplicate = duplicate + $5, \
               pace_at = COALESCE($6, pace_at) WHERE subscription = $7";
    sqlx::query(put)
        .bind(seq)
        .bind(told)
        .bind(entry.history)
        .bind(entry.muted)
        .bind(entry.duplicate)
        .bind(entry.pace_at)
        .bind(entry.subscription)
        .execute(tx)
        .await?;
    Ok(())
}
