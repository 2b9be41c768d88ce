//! Who asked for what, in PostgreSQL.

use async_trait::async_trait;

use super::{Postgres, planning};
use crate::{Answer, Delivery, NewDelivery, Subscription, Subscriptions};

#[async_trait]
impl Subscriptions for Postgres {
    async fn create(
        &self,
        new: &Subscription,
        rows: &[NewDelivery],
        pace_at: i64,
        read_to: &[(i64, i64)],
    ) -> Answer<i64> {
        let mut tx = self.begin().await?;
        let (seq,): (i64,) = sqlx::query_as("SELECT seq FROM progress WHERE id = 1 FOR UPDATE")
            .fetch_one(&mut *tx)
            .await?;
        let add = "INSERT INTO subscriptions (id, owner, within, state, code, body, secret, \
                   since_seq, created_at, changed_at) \
                   VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) RETURNING key";
        let (key,): (i64,) = sqlx::query_as(add)
            .bind(&new.id)
            .bind(&new.owner)
            .bind(&new.within)
            .bind(new.state)
            .bind(&new.code)
            .bind(&new.body)
            .bind(&new.secret)
            .bind(seq)
            .bind(new.created_at)
            .bind(new.changed_at)
            .fetch_one(&mut *tx)
            .await?;
        let of = |row: &NewDelivery| NewDelivery { subscription: key, ..row.clone() };
        let rows: Vec<NewDelivery> = rows.iter().map(of).collect();
        let made = i64::try_from(planning::insert(&mut tx, &rows).await?).unwrap_or(0);
        let book = "INSERT INTO books (subscription, counted_to, extra, pace_at) \
                    VALUES ($1, $2, $3, $4)";
        sqlx::query(book).bind(key).bind(seq).bind(made).bind(pace_at).execute(&mut *tx).await?;
        for (partition, from) in read_to {
            let gap = "INSERT INTO replays (subscription, partition, position, until, since) \
                       SELECT $1, partition, $3, position, 0 FROM positions \
                       WHERE partition = $2 AND position > $3";
            sqlx::query(gap).bind(key).bind(partition).bind(from).execute(&mut *tx).await?;
        }
        sqlx::query("UPDATE progress SET version = version + 1").execute(&mut *tx).await?;
        tx.commit().await?;
        Ok(key)
    }

    async fn subscription(&self, id: &str) -> Answer<Option<Subscription>> {
        let one = "SELECT * FROM subscriptions WHERE id = $1 AND state <> 3";
        Ok(sqlx::query_as(one).bind(id).fetch_optional(&self.pool).await?)
    }

    async fn subscriptions(&self, after: i64, limit: i64) -> Answer<Vec<Subscription>> {
        let page = "SELECT * FROM subscriptions WHERE key > $1 AND state <> 3 \
                    ORDER BY key LIMIT $2";
        Ok(sqlx::query_as(page).bind(after).bind(limit).fetch_all(&self.pool).await?)
    }

    async fn change(&self, to: &Subscription, was: i64) -> Answer<bool> {
        let mut tx = self.begin().await?;
        let put = "UPDATE subscriptions SET state = $1, code = $2, body = $3, secret = $4, \
                   former_secret = $5, former_until = $6, changed_at = $7 \
                   WHERE key = $8 AND changed_at = $9 AND state <> 3";
        let put = sqlx::query(put)
            .bind(to.state)
            .bind(&to.code)
            .bind(&to.body)
            .bind(&to.secret)
            .bind(&to.former_secret)
            .bind(to.former_until)
            .bind(to.changed_at)
            .bind(to.key)
            .bind(was);
        if put.execute(&mut *tx).await?.rows_affected() == 0 {
            return Ok(false);
        }
        let well = "UPDATE books SET failing_since = NULL, second_failing_since = NULL \
                    WHERE subscription = $1 AND $2 = 0";
        sqlx::query(well).bind(to.key).bind(to.state).execute(&mut *tx).await?;
        sqlx::query("UPDATE progress SET version = version + 1").execute(&mut *tx).await?;
        tx.commit().await?;
        Ok(true)
    }

    async fn deliveries(
        &self,
        subscription: i64,
        state: Option<i64>,
        before: i64,
        limit: i64,
    ) -> Answer<Vec<Delivery>> {
        let page = "SELECT id, channel, alert, parcel, state, due, attempt, code, settled_at \
                    FROM deliveries WHERE subscription = $1 AND id < $2 \
                    AND (state = COALESCE($3, state) OR ($3 = 0 AND state IN (4, 5))) \
                    ORDER BY id DESC LIMIT $4";
        let page = sqlx::query_as(page).bind(subscription).bind(before).bind(state).bind(limit);
        Ok(page.fetch_all(&self.pool).await?)
    }
}
