-- Which blobs are wanted, and which are being deleted.

-- Being put, or put lately; doomed_at: being deleted.
create table blobs (name text primary key, at integer not null, doomed_at integer) strict;
create index blobs_1 on blobs (at);
create index blobs_2 on blobs (doomed_at) where doomed_at is not null;
create index files_1 on files (sha256);
-- The blobs that an entry refers to, in the log or beside it.
create table entry_parts (
  name text not null, session_id blob not null, seq integer not null,
  primary key (name, session_id, seq)) strict, without rowid;
insert into entry_parts (name, session_id, seq)
with recursive
  flagged (session_id, seq, said) as (
    select session_id, seq, cast(payload as text) from entries where flags & 4
    union all select session_id, seq, cast(payload as text) from side_entries where flags & 4),
  found (session_id, seq, rest) as (
    select session_id, seq, substr(said, instr(said, '"$blob":"') + 9) from flagged where instr(said, '"$blob":"')
    union all
    select session_id, seq, substr(rest, instr(rest, '"$blob":"') + 9) from found where instr(rest, '"$blob":"'))
select distinct substr(rest, 1, 64), session_id, seq from found where substr(rest, 65, 1) = '"';
