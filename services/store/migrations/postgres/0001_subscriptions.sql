CREATE TABLE subscriptions (
    id BYTEA PRIMARY KEY,
    body TEXT NOT NULL
);
