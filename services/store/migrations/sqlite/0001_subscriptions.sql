CREATE TABLE subscriptions (
    id BLOB PRIMARY KEY,
    body TEXT NOT NULL
);
