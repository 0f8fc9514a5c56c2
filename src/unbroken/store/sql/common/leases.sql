-- name: get_lease_session
select phase, term from sessions where session_id = :session_id and tenant = :tenant;

-- name: end_leases
-- Of a pool: what is over makes room.
delete from leases
where tenant = :tenant and pool = :pool and (
  until <= :now
  or exists (select 1 from ended_leases e where e.tenant = leases.tenant and e.lease_id = leases.lease_id));

-- name: get_lease
select pool from leases where tenant = :tenant and lease_id = :lease_id;

-- name: grant_lease
-- No row: as many as there may be are held.
insert into leases (lease_id, tenant, pool, kind, fence, owner, session_id, term, call_id, granted_at, until, ttl)
select :lease_id, :tenant, :pool, :kind,
  coalesce((select case when f.fence >= :now then f.fence + 1 else :now end from fences f
            where f.tenant = :tenant and f.pool = :pool), :now),
  :owner, :session_id, :term, :call_id, :now, :now + :ttl, :ttl
where (select count(*) from leases l where l.tenant = :tenant and l.pool = :pool) < :limit
returning lease_id, pool, fence, owner, session_id, term, granted_at, until, ttl;

-- name: hand_on_lease
-- A slot that the session has from an earlier term.
delete from leases where tenant = :tenant and lease_id = (
  select l.lease_id from leases l
  where l.session_id = :session_id and l.tenant = :tenant and l.pool = :pool and l.kind = 'slot' and l.term < :term
  order by l.lease_id limit 1)
returning lease_id;

-- name: note_fence
insert into fences (tenant, pool, fence, at) values (:tenant, :pool, :fence, :now)
on conflict (tenant, pool) do update set fence = excluded.fence, at = excluded.at;

-- name: list_old_fences
-- Of pools that nobody has been granted for long, and nobody holds.
select f.tenant, f.pool from fences f where f.at < :before
  and not exists (select 1 from leases l where l.tenant = f.tenant and l.pool = f.pool)
order by f.at limit :limit;

-- name: forget_fence
delete from fences where tenant = ?1 and pool = ?2;

-- name: get_fence
select fence from fences where tenant = :tenant and pool = :pool;

-- name: renew_lease_of
-- No row: it is over.
update leases set until = :now + :ttl, ttl = :ttl
where tenant = :tenant and lease_id = :lease_id and kind <> 'call'
  and not exists (select 1 from ended_leases e where e.tenant = leases.tenant and e.lease_id = leases.lease_id)
returning lease_id, pool, fence, owner, session_id, term, granted_at, until, ttl;

-- name: release_lease
delete from leases where tenant = :tenant and lease_id = :lease_id returning pool;

-- name: list_leases
select lease_id, pool, fence, owner, session_id, term, granted_at, until, ttl from leases
where tenant = :tenant and lease_id > :after and until > :now
  and not exists (select 1 from ended_leases e where e.tenant = leases.tenant and e.lease_id = leases.lease_id)
order by lease_id limit :limit;

-- name: first_of_leases
select until from leases where tenant = :tenant and pool = :pool order by until limit 1;

-- name: admit
-- The next one of the window; no row: the one that is :limit before it has not left yet.
insert into admissions (tenant, pool, n, until, per)
select :tenant, :pool, last.n + 1, :now + :per, :per
from (select coalesce(max(a.n), 0) as n from admissions a where a.tenant = :tenant and a.pool = :pool) last
where not exists (
  select 1 from admissions a
  where a.tenant = :tenant and a.pool = :pool and a.n = last.n + 1 - :limit and a.until > :now)
returning n;

-- name: forget_admissions
-- What no limit asks for any more.
delete from admissions where tenant = :tenant and pool = :pool and n <= :n - :limit;

-- name: list_left_admissions
-- Of all windows: those that have left them.
select tenant, pool, n from admissions where until <= :now order by until limit :limit;

-- name: forget_admission
delete from admissions where tenant = ?1 and pool = ?2 and n = ?3;

-- name: first_admission
-- The one whose end makes room for the next one.
select until from admissions
where tenant = :tenant and pool = :pool
  and n = (select max(a.n) from admissions a where a.tenant = :tenant and a.pool = :pool) + 1 - :limit;

-- name: keep_place
-- That of a room that is opened again, before an agent has come.
update leases set until = :now + :ttl, ttl = :ttl
where tenant = :tenant and pool = :pool and owner = :room_name and kind = 'call' and call_id is null
returning lease_id;

-- name: give_place
-- That of the room is that of its call from now on.
update leases set call_id = :call_id, until = :now + :ttl, ttl = :ttl
where tenant = :tenant and pool = :pool and owner = :room_name and kind = 'call' and call_id is null
returning lease_id;

-- name: has_place
select lease_id from leases where tenant = :tenant and pool = :pool and call_id = :call_id;

-- name: free_places
delete from leases where tenant = :tenant and owner = :room_name and kind = 'call' and call_id is null;

-- name: list_left_places
-- Of rooms that no agent has come to in time.
select tenant, lease_id from leases where kind = 'call' and call_id is null and until <= :now
order by until limit :limit;

-- name: forget_place
delete from leases where tenant = ?1 and lease_id = ?2;
