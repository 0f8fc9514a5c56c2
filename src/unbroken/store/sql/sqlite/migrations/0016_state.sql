-- The state that agents share: what an owner (a room, a user, an application) has now, and its last changes.

-- began: its first revision. keys, bytes: of its values. floor: the changes up to it are gone; kept_bytes: of the
-- ones that are there.
create table state_owners (
  tenant integer not null, scope text not null, owner text not null, began integer not null,
  revision integer not null, floor integer not null, keys integer not null, bytes integer not null,
  kept_bytes integer not null,
  primary key (tenant, scope, owner)) strict;
create table state (
  tenant integer not null, scope text not null, owner text not null, key text not null, version integer not null,
  content blob not null, at integer not null, sum integer not null,
  primary key (tenant, scope, owner, key)) strict;
-- content null: the key was deleted.
create table state_changes (
  tenant integer not null, scope text not null, owner text not null, version integer not null, key text not null,
  content blob, at integer not null, sum integer not null,
  primary key (tenant, scope, owner, version)) strict;
