-- What Chainlit's own layer (DATABASE_URL) writes to; it makes no tables itself. Fewer indexes than a real one would want.
create table "User" (
    id text primary key, identifier text unique not null, metadata jsonb not null,
    "createdAt" timestamp not null default now(), "updatedAt" timestamp not null default now()
);
create table "Thread" (
    id text primary key, "userId" text references "User", name text, tags text[], metadata jsonb not null,
    "createdAt" timestamp not null default now(), "updatedAt" timestamp not null default now(), "deletedAt" timestamp
);
create table "Step" (
    id text primary key, "threadId" text references "Thread" on delete cascade, "parentId" text references "Step",
    name text, type text not null, input text, output text, metadata jsonb not null, "showInput" text, "isError" boolean,
    "startTime" timestamp not null, "endTime" timestamp not null, "createdAt" timestamp not null default now()
);
create index on "Step" ("threadId", "startTime", "endTime");
create table "Element" (id text primary key, "threadId" text references "Thread" on delete cascade, "stepId" text);
create table "Feedback" (id text primary key, "stepId" text references "Step", name text, value float, comment text);
