-- Which blobs are wanted, and which are being deleted.

-- Being put, or put lately; doomed_at: being deleted.
create table blobs (
  name text collate "C" not null,
  at bigint not null,
  doomed_at bigint,
  primary key (name)
);
create index blobs_1 on blobs (at);
create index blobs_2 on blobs (doomed_at) where doomed_at is not null;
create index files_1 on files (sha256);
-- The blobs that an entry refers to, in the log or beside it.
create table entry_parts (
  name text collate "C" not null,
  session_id uuid not null,
  seq bigint not null,
  primary key (name, session_id, seq)
);
insert into entry_parts (name, session_id, seq)
select distinct (regexp_matches(encode(payload, 'escape'), '"\$blob":"([0-9a-f]{64})"', 'g'))[1], session_id, seq
from (select payload, session_id, seq from entries where flags & 4 <> 0
      union all select payload, session_id, seq from side_entries where flags & 4 <> 0) flagged;
