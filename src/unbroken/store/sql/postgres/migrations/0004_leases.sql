-- What is granted for a time: locks and slots; how far the fences of their pools are; and windows.

-- pool: kind, name and key. session_id, term: whose it is, null: nobody's. ttl: what until was last moved on by.
create table leases (
  tenant bigint not null,
  lease_id uuid not null,
  pool text collate "C" not null,
  kind text not null,
  fence bigint not null,
  owner text not null,
  session_id uuid,
  term bigint,
  granted_at bigint not null,
  until bigint not null,
  ttl bigint not null,
  primary key (tenant, lease_id)
);
create index leases_1 on leases (tenant, pool, lease_id);
-- at: the last grant.
create table fences (
  tenant bigint not null,
  pool text collate "C" not null,
  fence bigint not null,
  at bigint not null,
  primary key (tenant, pool)
);
create index fences_1 on fences (at);
-- Those that were admitted to a window, by their number; until: when each leaves it, per: after how long.
create table admissions (
  tenant bigint not null,
  pool text collate "C" not null,
  n bigint not null,
  until bigint not null,
  per bigint not null,
  primary key (tenant, pool, n)
);
create index admissions_1 on admissions (until);
-- Leases of a session that is over; locks of a term that is over, and of one that has lost its agent.
create view ended_leases as
select l.tenant, l.lease_id from leases l join sessions s using (session_id)
where s.phase = 'ended' or (l.kind = 'lock' and (s.phase = 'orphaned' or s.term <> l.term));
