//! The books, in PostgreSQL.

use std::collections::BTreeMap;

use async_trait::async_trait;

use super::{Postgres, planning};
use crate::{Account, Accounts, Answer, Progress};

#[async_trait]
impl Accounts for Postgres {
    async fn accounts(&self) -> Answer<(Progress, Vec<Account>)> {
        let mut tx = self.look().await?;
        let progress = planning::progress(&mut tx).await?;
        let books: Vec<Account> = sqlx::query_as(
            "SELECT b.*, s.since_seq FROM books b JOIN subscriptions s ON s.key = b.subscription \
             WHERE s.state <> 3 ORDER BY b.subscription",
        )
        .fetch_all(&mut *tx)
        .await?;
        let counts: Vec<(i64, i64, i64, i64)> = sqlx::query_as(
            "SELECT subscription, channel, state, COUNT(*) FROM deliveries \
             GROUP BY subscription, channel, state",
        )
        .fetch_all(&mut *tx)
        .await?;
        let mut accounts: BTreeMap<i64, Account> =
            books.into_iter().map(|book| (book.subscription, book)).collect();
        for (subscription, channel, state, count) in counts {
            let Some(account) = accounts.get_mut(&subscription) else { continue };
            let channel = account.rows.get_mut(usize::try_from(channel).unwrap_or(usize::MAX));
            let cell = channel.and_then(|rows| rows.get_mut(usize::try_from(state).ok()?));
            if let Some(cell) = cell {
                *cell = count;
            }
        }
        Ok((progress, accounts.into_values().collect()))
    }

    async fn clear(&self, before: i64, limit: i64) -> Answer<u64> {
        let mut tx = self.begin().await?;
        let old = "DELETE FROM deliveries WHERE id IN (SELECT d.id FROM deliveries d \
                   JOIN subscriptions s ON s.key = d.subscription \
                   WHERE s.state = 3 OR (d.state IN (2, 3) AND d.settled_at < $1) LIMIT $2 \
                   FOR UPDATE OF d SKIP LOCKED) \
                   RETURNING subscription, channel";
        let gone: Vec<(i64, i64)> =
            sqlx::query_as(old).bind(before).bind(limit).fetch_all(&mut *tx).await?;
        let mut counts: BTreeMap<(i64, i64), i64> = BTreeMap::new();
        for row in &gone {
            *counts.entry(*row).or_default() += 1;
        }
        for ((subscription, channel), count) in counts {
            let book = if channel == 0 {
                "UPDATE books SET cleared = cleared + $1 WHERE subscription = $2"
            } else {
                "UPDATE books SET second_cleared = second_cleared + $1 WHERE subscription = $2"
            };
            sqlx::query(book).bind(count).bind(subscription).execute(&mut *tx).await?;
        }
        if gone.is_empty() {
            for table in [
                "DELETE FROM books WHERE subscription IN \
                 (SELECT key FROM subscriptions WHERE state = 3)",
                "DELETE FROM replays WHERE subscription IN \
                 (SELECT key FROM subscriptions WHERE state = 3)",
                "DELETE FROM subscriptions WHERE state = 3",
            ] {
                sqlx::query(table).execute(&mut *tx).await?;
            }
        }
        tx.commit().await?;
        Ok(u64::try_from(gone.len()).unwrap_or(u64::MAX))
    }
}
