-- Ids are uuids, times microseconds since 1970 by the clock of the service that writes.
-- Text is compared bytewise, as SQLite does.

create table store (
  one bigint,
  system_id text collate "C" not null,
  created_at bigint not null,
  own_holder uuid not null,
  primary key (one),
  check (one = 1)
);
create table users (
  tenant bigint not null,
  user_id text collate "C" not null,
  name text collate "C",
  context bytea,
  created_at bigint not null,
  primary key (tenant, user_id)
);
create table conversations (
  conversation_id uuid not null,
  tenant bigint not null,
  user_id text collate "C",
  title text collate "C",
  created_at bigint not null,
  last_at bigint not null,
  closed_at bigint,
  summary bytea,
  words tsvector,
  primary key (conversation_id)
);
create index conversations_1 on conversations (tenant, user_id, last_at desc);
create index conversations_2 on conversations (tenant, last_at desc, conversation_id desc);
create table rooms (
  room_id uuid not null,
  tenant bigint not null,
  name text collate "C" not null,
  conversation_id uuid not null,
  sid text collate "C",
  user_id text collate "C",
  created_at bigint not null,
  closed_at bigint,
  is_named boolean not null default false,
  agents text collate "C",
  primary key (room_id)
);
create unique index rooms_1 on rooms (tenant, name) where closed_at is null;
create index rooms_2 on rooms (tenant, name, closed_at);
create table calls (
  call_id uuid not null,
  tenant bigint not null,
  conversation_id uuid not null,
  room_name text collate "C" not null,
  started_at bigint not null,
  ended_at bigint,
  end_reason text collate "C",
  summary bytea,
  is_named boolean not null default false,
  primary key (call_id)
);
create index calls_1 on calls (tenant, conversation_id, started_at);
create index calls_2 on calls (tenant, room_name) where ended_at is null;
create index calls_3 on calls (tenant, room_name, started_at);
create table call_rooms (
  tenant bigint not null,
  room_sid text collate "C" not null,
  call_id uuid not null,
  seen_at bigint not null,
  primary key (tenant, room_sid)
);
create index call_rooms_1 on call_rooms (call_id);
create table sessions (
  session_id uuid not null,
  tenant bigint not null,
  call_id uuid not null,
  role text collate "C" not null,
  agent_name text collate "C",
  phase text collate "C" not null default 'live',
  term bigint not null,
  holder uuid not null,
  host_id uuid not null,
  agent_identity text collate "C",
  last_seq bigint not null default 0,
  fence_seq bigint not null default 0,
  chain bytea,
  mark bytea,
  mark_n bigint,
  mark_at bigint,
  opened_at bigint not null,
  cause text collate "C",
  orphaned_at bigint,
  dispatches bigint not null default 0,
  next_dispatch_at bigint,
  end_reason text collate "C",
  dispatch_from bigint,
  degraded text collate "C",
  said_metadata text collate "C",
  said_attributes text collate "C",
  ending text collate "C",
  failures bigint not null default 0,
  missing_since bigint,
  primary key (session_id),
  unique (call_id, role),
  check (phase in ('live', 'offered', 'orphaned', 'ended'))
);
create index sessions_1 on sessions (next_dispatch_at) where next_dispatch_at is not null;
create index sessions_2 on sessions (orphaned_at) where phase = 'orphaned';
create index sessions_3 on sessions (host_id) where phase in ('live', 'offered');
create index sessions_4 on sessions (term) where phase = 'live' and term > 1;
create index sessions_5 on sessions (agent_name, opened_at);
create table terms (
  session_id uuid not null,
  term bigint not null,
  tenant bigint not null,
  holder uuid not null,
  host_id uuid not null,
  agent_identity text collate "C",
  first_seq bigint not null,
  end_seq bigint,
  taken_at bigint not null,
  cause text collate "C",
  report bytea,
  gap bigint not null default 0,
  crashes bigint not null default 0,
  primary key (session_id, term)
);
create index terms_1 on terms (holder);
create table hosts (
  host_id uuid not null,
  tenant bigint,
  name text collate "C",
  version text collate "C",
  lease_until bigint not null,
  sessions bigint,
  ttl bigint,
  clock_ahead bigint,
  primary key (host_id)
);
create table entries (
  session_id uuid not null,
  seq bigint not null,
  tenant bigint not null,
  term bigint not null,
  kind text collate "C" not null,
  flags bigint not null default 0,
  at bigint not null,
  payload bytea,
  sha256 bytea not null,
  erased_at bigint,
  head bigint,
  primary key (session_id, seq)
);
create table side_entries (
  session_id uuid not null,
  term bigint not null,
  holder uuid not null,
  seq bigint not null,
  tenant bigint not null,
  reason text collate "C" not null,
  kind text collate "C",
  flags bigint,
  at bigint,
  payload bytea,
  received_at bigint not null,
  primary key (session_id, term, holder, seq)
);
create table messages (
  session_id uuid not null,
  item_id text collate "C" not null,
  tenant bigint not null,
  conversation_id uuid not null,
  seq bigint not null,
  place bytea not null,
  role text collate "C" not null,
  text text collate "C" not null,
  interrupted boolean not null,
  speaker text collate "C",
  at bigint not null,
  heard_ms bigint,
  metrics text collate "C",
  heard_at bigint not null default 0,
  words tsvector,
  primary key (session_id, item_id)
);
create index messages_2 on messages (session_id, place) where role = 'user';
create index messages_1 on messages (tenant, conversation_id, heard_at, session_id, place);
create index messages_3 on messages (session_id, place);
create index messages_4 on messages (tenant, conversation_id, role);
create table participants (
  call_id uuid not null,
  identity text collate "C" not null,
  tenant bigint not null,
  kind text collate "C",
  user_id text collate "C",
  name text collate "C",
  metadata bytea,
  attributes text collate "C",
  joined_at bigint,
  left_at bigint,
  words tsvector,
  primary key (call_id, identity)
);
create table files (
  file_id uuid not null,
  tenant bigint not null,
  conversation_id uuid,
  call_id uuid,
  identity text collate "C",
  name text collate "C",
  content_type text collate "C",
  status text collate "C" not null,
  blob text collate "C",
  bytes bigint,
  sha256 bytea,
  created_at bigint not null,
  primary key (file_id)
);
create table errors (
  error_id uuid not null,
  tenant bigint not null,
  room_name text collate "C",
  error_type text collate "C" not null,
  message text collate "C" not null,
  stack_trace text collate "C",
  at bigint not null,
  primary key (error_id)
);
create index errors_1 on errors (tenant, at desc);
create table inbox (
  session_id uuid not null,
  id uuid not null,
  tenant bigint not null,
  term bigint not null,
  kind text collate "C" not null,
  sent_at bigint not null,
  delivered_at bigint,
  primary key (session_id, id)
);
create index inbox_1 on inbox (sent_at) where delivered_at is null;
create table waiting (
  room_id uuid not null,
  tenant bigint not null,
  agent_name text collate "C" not null,
  opened_at bigint not null,
  due_at bigint not null,
  looks bigint not null default 0,
  asked_at bigint,
  tries bigint not null default 0,
  since bigint,
  is_coming boolean not null default false,
  primary key (room_id)
);
create index waiting_1 on waiting (due_at);
create table requests (
  tenant bigint not null,
  path text collate "C" not null,
  key text collate "C" not null,
  fingerprint bytea not null,
  at bigint not null,
  status bigint,
  kind text collate "C",
  answer bytea,
  primary key (tenant, path, key)
);
create index requests_1 on requests (at);
create table locks (
  tenant bigint not null,
  name text collate "C" not null,
  holder uuid not null,
  until bigint not null,
  primary key (tenant, name)
);
create view taken_rooms as
select w.room_id from waiting w join rooms r using (room_id)
join calls c on c.tenant = r.tenant and c.room_name = r.name and (c.ended_at is null or c.started_at >= w.opened_at)
  and (c.conversation_id = r.conversation_id
       or exists (select 1 from call_rooms x
                  where x.tenant = r.tenant and x.room_sid = r.sid and x.call_id = c.call_id))
join sessions s on s.call_id = c.call_id and s.agent_name is not null and s.term > 0;
create view going_calls as
select c.* from calls c
where c.ended_at is null
  and (not exists (select 1 from sessions s where s.call_id = c.call_id and s.agent_name is not null)
       or exists (select 1 from sessions s
                  where s.call_id = c.call_id and s.agent_name is not null and s.phase <> 'ended'
                    and s.ending is null));
-- chain(start, hash): sha256(start || hash) over the rows, in the order they come.
create function chain_step(state bytea, start bytea, hash bytea) returns bytea language sql immutable
  return sha256(coalesce(state, start, ''::bytea) || hash);
create aggregate chain(bytea, bytea) (sfunc = chain_step, stype = bytea);
-- Null: it is not what was stored.
create function whole(payload bytea, hash bytea) returns bytea language sql immutable
  return case when sha256(payload) = hash then payload end;
-- What is searched. Words are null from a change until the end of its transaction.
create index messages_words on messages using gin (words);
create index participants_words on participants using gin (words);
create index participants_unindexed on participants (call_id) where words is null;
create index conversations_unindexed on conversations (conversation_id) where words is null;
