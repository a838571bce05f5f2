-- What Chainlit's SQLAlchemy layer writes to; it makes no tables itself. Fewer indexes than a real one would want.
create table users (id uuid primary key, identifier text unique not null, metadata jsonb not null, "createdAt" text);
create table threads (
    id uuid primary key,
    "userId" uuid references users on delete cascade,
    "userIdentifier" text, name text, tags text[], metadata jsonb, "createdAt" text
);
create table steps (
    id uuid primary key,
    "threadId" uuid not null references threads on delete cascade,
    "parentId" uuid, name text not null, type text not null, command text, modes jsonb,
    input text, output text, "showInput" text, language text, metadata jsonb, generation jsonb, tags text[],
    streaming boolean not null, "waitForAnswer" boolean, "isError" boolean, "defaultOpen" boolean, "autoCollapse" boolean,
    indent integer, "createdAt" text, start text, "end" text
);
create table elements (id uuid primary key, "threadId" uuid references threads on delete cascade, "forId" uuid);
create table feedbacks (id uuid primary key, "forId" uuid not null, "threadId" uuid, value integer, comment text);
