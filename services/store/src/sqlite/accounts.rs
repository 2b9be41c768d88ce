//! The books, in SQLite.

use std::collections::BTreeMap;

use async_trait::async_trait;

use super::{Sqlite, planning};
use crate::{Account, Accounts, Answer, Progress};

/// Rows that ended before `$1`, and those of subscriptions that are deleted.
macro_rules! old {
    () => {
        "deliveries d JOIN subscriptions s ON s.key = d.subscription \
         WHERE (s.state = 3 OR (d.state IN (2, 3) AND d.settled_at < $1))"
    };
}

#[async_trait]
impl Accounts for Sqlite {
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
        // Among very many rows it takes long to see that there are none, and who writes must not wait.
        let found: (Option<String>, bool) = sqlx::query_as(concat!(
            "SELECT (SELECT json_group_array(id) FROM (SELECT d.id FROM ",
            old!(),
            " LIMIT $2)), EXISTS (SELECT 1 FROM subscriptions WHERE state = 3)"
        ))
        .bind(before)
        .bind(limit)
        .fetch_one(&self.reader)
        .await?;
        let ids = found.0.filter(|ids| ids != "[]");
        if ids.is_none() && !found.1 {
            return Ok(0);
        }
        let mut tx = self.begin().await?;
        // What was armed again meanwhile is old no longer.
        let gone: Vec<(i64, i64)> = sqlx::query_as(concat!(
            "DELETE FROM deliveries WHERE id IN (SELECT d.id FROM ",
            old!(),
            " AND d.id IN (SELECT value FROM json_each($2))) RETURNING subscription, channel"
        ))
        .bind(before)
        .bind(ids.as_deref().unwrap_or("[]"))
        .fetch_all(&mut *tx)
        .await?;
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
