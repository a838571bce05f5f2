CREATE SCHEMA IF NOT EXISTS chat;

CREATE TABLE IF NOT EXISTS chat.threads (
    id uuid PRIMARY KEY,
    user_id text NOT NULL,
    title text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    updated_at timestamptz NOT NULL DEFAULT clock_timestamp()
);

CREATE TABLE IF NOT EXISTS chat.messages (
    id uuid PRIMARY KEY,
    thread_id uuid NOT NULL REFERENCES chat.threads (id),
    run_id uuid,
    role text NOT NULL,
    content text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp()
);

CREATE INDEX IF NOT EXISTS messages_of_thread ON chat.messages (thread_id, created_at);
