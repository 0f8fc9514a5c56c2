-- What a second watcher has to know, too.

-- How often in a row LiveKit did not answer for a session that is due.
alter table sessions add column failures integer not null default 0;
-- Since when LiveKit has not had the room of a session whose host is silent.
alter table sessions add column missing_since integer;
-- Who holds a lock: until when, if that one is gone.
create table locks (
  tenant integer not null, name text not null, holder blob not null, until integer not null,
  primary key (tenant, name)) strict;
