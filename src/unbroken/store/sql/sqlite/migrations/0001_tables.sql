-- Ids are 16-byte blobs, times microseconds since 1970 given by the one process that writes.
-- Text columns are projections and sanitised; payloads are bytes as they came.

create table store (one integer primary key check (one = 1), system_id text not null, created_at integer not null) strict;

create table users         (tenant integer not null, user_id text not null, name text, context blob, created_at integer not null,
                            primary key (tenant, user_id)) strict;
create table conversations (conversation_id blob primary key, tenant integer not null, user_id text, title text, created_at integer not null,
                            last_at integer not null, closed_at integer, summary blob) strict;
  create index conversations_1 on conversations (tenant, user_id, last_at desc);
  create index conversations_2 on conversations (tenant, last_at desc, conversation_id desc);
create table rooms         (room_id blob primary key, tenant integer not null, name text not null, conversation_id blob not null, sid text,
                            user_id text, created_at integer not null, closed_at integer) strict;
  create unique index rooms_1 on rooms (tenant, name) where closed_at is null;
  create index rooms_2 on rooms (tenant, name, closed_at);
create table calls         (call_id blob primary key, tenant integer not null, conversation_id blob not null, room_name text not null,
                            started_at integer not null, ended_at integer, end_reason text, summary blob) strict;
  create index calls_1 on calls (tenant, conversation_id, started_at);
  create index calls_2 on calls (tenant, room_name) where ended_at is null;
  create index calls_3 on calls (tenant, room_name, started_at);
-- Several sids for one call: the sid changes when the LiveKit server crashes.
create table call_rooms    (tenant integer not null, room_sid text not null, call_id blob not null, seen_at integer not null,
                            primary key (tenant, room_sid)) strict;
  create index call_rooms_1 on call_rooms (call_id);
create table sessions      (session_id blob primary key, tenant integer not null, call_id blob not null, role text not null, agent_name text,
                            phase text not null default 'live' check (phase in ('live', 'offered', 'orphaned', 'ended')),
                            term integer not null, holder blob not null, host_id blob not null, agent_identity text,
                            last_seq integer not null default 0, fence_seq integer not null default 0, chain blob,
                            mark blob, mark_n integer, mark_at integer,   -- mark_n: the seq it followed
                            opened_at integer not null,
                            cause text,               -- why it last became free, so why this term began; terms.cause keeps it
                            orphaned_at integer, dispatches integer not null default 0, next_dispatch_at integer,
                            end_reason text, unique (call_id, role)) strict;
  create index sessions_1 on sessions (next_dispatch_at) where next_dispatch_at is not null;
  create index sessions_2 on sessions (orphaned_at) where phase = 'orphaned';
  create index sessions_3 on sessions (host_id) where phase in ('live', 'offered');
create table terms         (session_id blob not null, term integer not null, tenant integer not null, holder blob not null, host_id blob not null,
                            agent_identity text, first_seq integer not null, end_seq integer, taken_at integer not null, cause text, report blob,
                            primary key (session_id, term)) strict;
create table hosts         (host_id blob primary key, tenant integer, name text, version text, lease_until integer not null, sessions integer) strict;
create table entries       (session_id blob not null, seq integer not null, tenant integer not null, term integer not null, kind text not null,
                            flags integer not null default 0, at integer not null, payload blob, sha256 blob not null, erased_at integer,
                            primary key (session_id, seq)) strict;
create table side_entries  (session_id blob not null, term integer not null, holder blob not null, seq integer not null, tenant integer not null,
                            reason text not null, kind text, flags integer, at integer, payload blob, received_at integer not null,
                            primary key (session_id, term, holder, seq)) strict;
-- place: the order of history, which neither seq nor at is; compared bytewise, made by `place.between`.
create table messages      (session_id blob not null, item_id text not null, tenant integer not null, conversation_id blob not null, seq integer not null,
                            place blob not null, role text not null, text text not null, interrupted integer not null, speaker text,
                            at integer not null, heard_ms integer, metrics text,
                            primary key (session_id, item_id)) strict;
  create index messages_1 on messages (tenant, conversation_id, session_id, place);
  create index messages_2 on messages (session_id, place) where role = 'user';     -- which turn a message belongs to
create table participants  (call_id blob not null, identity text not null, tenant integer not null, kind text, user_id text, name text, metadata blob,
                            attributes text, joined_at integer, left_at integer, primary key (call_id, identity)) strict;
create table files         (file_id blob primary key, tenant integer not null, conversation_id blob, call_id blob, identity text, name text,
                            content_type text, status text not null, blob text, bytes integer, sha256 blob, created_at integer not null) strict;
create table errors        (error_id blob primary key, tenant integer not null, room_name text, error_type text not null, message text not null,
                            stack_trace text, at integer not null) strict;
  create index errors_1 on errors (tenant, at desc);
