//! Rows become messages, in PostgreSQL.

use async_trait::async_trait;
use sqlx::PgConnection;

use super::Postgres;
use crate::{
    Answer, Claimed, End, Lane, LaneState, Member, Sending, Settled, Sweep, Turn, Turned,
    statements::AGAIN_AFTER,
};

#[async_trait]
impl Sending for Postgres {
    async fn lanes(&self) -> Answer<Vec<LaneState>> {
        let all = "SELECT subscription, failing_since, second_failing_since, \
            (SELECT MIN(due) FROM deliveries d \
             WHERE d.subscription = b.subscription AND d.channel = 0 AND d.state = 0), \
            (SELECT MIN(due) FROM deliveries d \
             WHERE d.subscription = b.subscription AND d.channel = 1 AND d.state = 0) \
            FROM books b";
        type Row = (i64, Option<i64>, Option<i64>, Option<i64>, Option<i64>);
        let rows: Vec<Row> = sqlx::query_as(all).fetch_all(&self.pool).await?;
        let both = |(subscription, first, second, next, second_next): Row| {
            let lane = |channel| Lane { subscription, channel };
            [
                LaneState { lane: lane(0), failing_since: first, next },
                LaneState { lane: lane(1), failing_since: second, next: second_next },
            ]
        };
        Ok(rows.into_iter().flat_map(both).collect())
    }

    async fn turn(&self, turn: &Turn) -> Answer<Turned> {
        let mut tx = self.begin().await?;
        let mut turned = Turned::default();
        for settled in &turn.settled {
            if !settle(&mut tx, settled, turn).await? {
                turned.lost += 1;
            }
        }
        for (lane, since) in &turn.failing {
            failing(&mut tx, *lane, *since).await?;
        }
        for (lane, limit) in &turn.wanted {
            turned.claimed.extend(claim(&mut tx, turn, *lane, *limit).await?);
            let (next,) = sqlx::query_as(
                "SELECT MIN(due) FROM deliveries \
                 WHERE subscription = $1 AND channel = $2 AND state = 0",
            )
            .bind(lane.subscription)
            .bind(lane.channel)
            .fetch_one(&mut *tx)
            .await?;
            turned.next.push((*lane, next));
        }
        tx.commit().await?;
        Ok(turned)
    }

    async fn members(&self, lane: Lane, parcel: &str) -> Answer<Vec<Member>> {
        let all = "SELECT alert, partition, position FROM deliveries \
                   WHERE parcel = $1 AND subscription = $2 AND channel = $3 ORDER BY seq, id";
        let all = sqlx::query_as(all).bind(parcel).bind(lane.subscription).bind(lane.channel);
        Ok(all.fetch_all(&self.pool).await?)
    }

    async fn unlease(&self, now: i64, alone: Option<i64>) -> Answer<u64> {
        let mut tx = self.begin().await?;
        let back = "UPDATE deliveries SET state = 0, owner = NULL, lease = NULL \
                    WHERE state = 1 AND (lease < $1 OR owner <> $2)";
        let gone = sqlx::query(back).bind(now).bind(alone).execute(&mut *tx).await?;
        tx.commit().await?;
        Ok(gone.rows_affected())
    }

    async fn again_after(&self, lane: Lane, message: &str, now: i64) -> Answer<u64> {
        let mut tx = self.begin().await?;
        let again = sqlx::query(AGAIN_AFTER).bind(lane.subscription).bind(lane.channel);
        let again = again.bind(message).bind(now).execute(&mut *tx).await?;
        tx.commit().await?;
        Ok(again.rows_affected())
    }

    async fn sweep(&self, sweep: &Sweep, limit: i64) -> Answer<u64> {
        let mut tx = self.begin().await?;
        let Lane { subscription, channel } = sweep.lane;
        let page = "SELECT id, subscription, channel, alert, partition, position, level, parcel, \
                    born, attempt FROM deliveries \
                    WHERE subscription = $1 AND channel = $2 AND state = 0 AND born <= $3 \
                    ORDER BY due LIMIT $4 FOR UPDATE SKIP LOCKED";
        let page: Vec<Claimed> = sqlx::query_as(page)
            .bind(subscription)
            .bind(channel)
            .bind(sweep.born_by)
            .bind(limit)
            .fetch_all(&mut *tx)
            .await?;
        for row in &page {
            let (id, parcel) = (row.id, row.parcel.as_deref());
            escalate(&mut tx, sweep.lane, id, parcel, (sweep.code, sweep.second), sweep.now)
                .await?;
        }
        tx.commit().await?;
        Ok(u64::try_from(page.len()).unwrap_or(u64::MAX))
    }

    async fn disable(&self, subscription: i64, code: &str, now: i64) -> Answer<bool> {
        let mut tx = self.begin().await?;
        let off = "UPDATE subscriptions SET state = 2, code = $2, changed_at = $3 \
                   WHERE key = $1 AND state = 0";
        let off = sqlx::query(off).bind(subscription).bind(code).bind(now);
        if off.execute(&mut *tx).await?.rows_affected() == 0 {
            return Ok(false);
        }
        let tell = "INSERT INTO queue (kind, subscription, code, at) \
                    VALUES ('subscription', $1, $2, $3)";
        sqlx::query(tell).bind(subscription).bind(code).bind(now).execute(&mut *tx).await?;
        sqlx::query("UPDATE progress SET version = version + 1").execute(&mut *tx).await?;
        tx.commit().await?;
        Ok(true)
    }
}

async fn claim(tx: &mut PgConnection, turn: &Turn, lane: Lane, limit: i64) -> Answer<Vec<Claimed>> {
    let take = "UPDATE deliveries SET state = 1, owner = $1, lease = $2, attempt = attempt + 1 \
                WHERE id IN (SELECT id FROM deliveries WHERE subscription = $3 AND channel = $4 \
                AND state = 0 AND due <= $5 ORDER BY due LIMIT $6 \
                FOR UPDATE SKIP LOCKED) \
                RETURNING id, subscription, channel, alert, partition, position, level, parcel, \
                born, attempt";
    let take = sqlx::query_as(take)
        .bind(turn.owner)
        .bind(turn.lease)
        .bind(lane.subscription)
        .bind(lane.channel)
        .bind(turn.now)
        .bind(limit);
    Ok(take.fetch_all(tx).await?)
}

/// Writes how a claimed row ended; `false` when it is no longer the owner's.
async fn settle(tx: &mut PgConnection, settled: &Settled, turn: &Turn) -> Answer<bool> {
    let Settled { id, lane, parcel, attempt, end } = settled;
    let own = "UPDATE deliveries SET state = 0, owner = NULL, lease = NULL \
               WHERE id = $1 AND owner = $2 AND attempt = $3 AND state = 1";
    let own = sqlx::query(own).bind(id).bind(turn.owner).bind(attempt);
    if own.execute(&mut *tx).await?.rows_affected() == 0 {
        return Ok(false);
    }
    match *end {
        End::Delivered { at } => {
            let put = "UPDATE deliveries SET state = 2, code = NULL, settled_at = $1 WHERE id = $2";
            sqlx::query(put).bind(at).bind(id).execute(&mut *tx).await?;
            if let Some(parcel) = parcel {
                let with = "UPDATE deliveries SET state = 2, settled_at = $1 WHERE parcel = $2 \
                            AND subscription = $3 AND channel = $4 AND state = 5";
                sqlx::query(with)
                    .bind(at)
                    .bind(parcel)
                    .bind(lane.subscription)
                    .bind(lane.channel)
                    .execute(tx)
                    .await?;
            }
        }
        End::Again { due, code } => {
            let put = "UPDATE deliveries SET due = $1, code = $2 WHERE id = $3";
            sqlx::query(put).bind(due).bind(code).bind(id).execute(tx).await?;
        }
        End::Escalated { code, second } => {
            escalate(tx, *lane, *id, parcel.as_deref(), (code, second), turn.now).await?;
        }
    }
    Ok(true)
}

/// A row and, where it is the first of a group, those further in it.
macro_rules! whole {
    ($before:literal, $after:literal) => {
        concat!(
            $before,
            " (id = $1 OR (parcel = $2 AND subscription = $3 AND channel = $4)) ",
            $after
        )
    };
}

/// Ends a row, and those of its group: a row of the second channel each where there is one, and a
/// task each for the operators.
async fn escalate(
    tx: &mut PgConnection,
    lane: Lane,
    id: i64,
    parcel: Option<&str>,
    (code, second): (&str, bool),
    now: i64,
) -> Answer<()> {
    let put = whole!("UPDATE deliveries SET state = 3, code = $5, settled_at = $6 WHERE", "");
    let tell = whole!(
        "INSERT INTO queue (kind, subscription, alert, code, at) \
         SELECT 'delivery', subscription, alert, $5, $6 FROM deliveries WHERE",
        "ORDER BY seq, id"
    );
    for statement in [put, tell] {
        sqlx::query(statement)
            .bind(id)
            .bind(parcel)
            .bind(lane.subscription)
            .bind(lane.channel)
            .bind(code)
            .bind(now)
            .execute(&mut *tx)
            .await?;
    }
    if !second {
        return Ok(());
    }
    // By the second channel each alert goes alone: what was wrong with the group may not stop it.
    let anew = whole!(
        "UPDATE deliveries SET state = 0, born = $5, due = $5, attempt = 0, code = NULL, \
         settled_at = NULL WHERE subscription = $3 AND channel = 1 AND state IN (2, 3) \
         AND alert IN (SELECT alert FROM deliveries WHERE",
        ")"
    );
    let add = whole!(
        "INSERT INTO deliveries (subscription, channel, alert, seq, partition, position, \
         level, state, born, due) \
         SELECT subscription, 1, alert, seq, partition, position, level, 0, $5, $5 \
         FROM deliveries WHERE",
        "ORDER BY seq, id ON CONFLICT DO NOTHING"
    );
    let mut made = 0;
    for statement in [anew, add] {
        let wrote = sqlx::query(statement)
            .bind(id)
            .bind(parcel)
            .bind(lane.subscription)
            .bind(lane.channel)
            .bind(now)
            .execute(&mut *tx)
            .await?;
        made = i64::try_from(wrote.rows_affected()).unwrap_or(0);
    }
    sqlx::query("UPDATE books SET second = second + $1 WHERE subscription = $2")
        .bind(made)
        .bind(lane.subscription)
        .execute(tx)
        .await?;
    Ok(())
}

async fn failing(tx: &mut PgConnection, lane: Lane, since: Option<i64>) -> Answer<()> {
    let put = if lane.channel == 0 {
        "UPDATE books SET failing_since = $1 WHERE subscription = $2"
    } else {
        "UPDATE books SET second_failing_since = $1 WHERE subscription = $2"
    };
    sqlx::query(put).bind(since).bind(lane.subscription).execute(tx).await?;
    Ok(())
}
