-- The state that agents share: what an owner (a room, a user, an application) has now, and its last changes.

-- began: its first revision. keys, bytes: of its values. floor: the changes up to it are gone; kept_bytes: of the
-- ones that are there.
create table state_owners (
  tenant bigint not null,
  scope text collate "C" not null,
  owner text collate "C" not null,
  began bigint not null,
  revision bigint not null,
  floor bigint not null,
  keys bigint not null,
  bytes bigint not null,
  kept_bytes bigint not null,
  primary key (tenant, scope, owner)
);
create table state (
  tenant bigint not null,
  scope text collate "C" not null,
  owner text collate "C" not null,
  key text collate "C" not null,
  version bigint not null,
  content bytea not null,
  at bigint not null,
  primary key (tenant, scope, owner, key)
);
-- content null: the key was deleted.
create table state_changes (
  tenant bigint not null,
  scope text collate "C" not null,
  owner text collate "C" not null,
  version bigint not null,
  key text collate "C" not null,
  content bytea,
  at bigint not null,
  primary key (tenant, scope, owner, version)
);
