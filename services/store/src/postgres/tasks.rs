//! What people must look at, in PostgreSQL.

use async_trait::async_trait;
use sqlx::{Postgres as Db, QueryBuilder};

use super::Postgres;
use crate::{Answer, Task, Tasks};

#[async_trait]
impl Tasks for Postgres {
    async fn tell(
        &self,
        kind: &str,
        subscription: Option<i64>,
        code: &str,
        now: i64,
    ) -> Answer<()> {
        let mut tx = self.begin().await?;
        let waits = "SELECT COUNT(*) FROM queue WHERE done_at IS NULL AND kind = $1 \
                     AND COALESCE(subscription, 0) = COALESCE($2, 0) AND code = $3";
        let waits = sqlx::query_as(waits).bind(kind).bind(subscription).bind(code);
        let (waits,): (i64,) = waits.fetch_one(&mut *tx).await?;
        if waits == 0 {
            let add = "INSERT INTO queue (kind, subscription, code, at) VALUES ($1, $2, $3, $4)";
            let add = sqlx::query(add).bind(kind).bind(subscription).bind(code).bind(now);
            add.execute(&mut *tx).await?;
        }
        Ok(tx.commit().await?)
    }

    async fn tasks(&self, subscription: Option<i64>, after: i64, limit: i64) -> Answer<Vec<Task>> {
        let page = "SELECT q.id, q.kind, s.id AS subscription, q.alert, q.code, q.at \
                    FROM queue q LEFT JOIN subscriptions s ON s.key = q.subscription \
                    WHERE q.done_at IS NULL AND q.id > $1 \
                    AND ($2 IS NULL OR q.subscription = $2) ORDER BY q.id LIMIT $3";
        let page = sqlx::query_as(page).bind(after).bind(subscription).bind(limit);
        Ok(page.fetch_all(&self.pool).await?)
    }

    async fn done(&self, ids: &[i64], by: &str, now: i64) -> Answer<u64> {
        let mut tx = self.begin().await?;
        let mut query = QueryBuilder::<Db>::new("UPDATE queue SET done_at = ");
        query.push_bind(now).push(", done_by = ").push_bind(by);
        query.push(" WHERE done_at IS NULL AND id IN (");
        let mut list = query.separated(", ");
        for id in ids {
            list.push_bind(id);
        }
        let wrote = query.push(")").build().execute(&mut *tx).await?;
        tx.commit().await?;
        Ok(wrote.rows_affected())
    }

    async fn waiting(&self) -> Answer<i64> {
        let all = sqlx::query_as("SELECT COUNT(*) FROM queue WHERE done_at IS NULL");
        let (waiting,) = all.fetch_one(&self.pool).await?;
        Ok(waiting)
    }
}
