-- name: note_away
update store set away_at = :now;

-- name: list_abandoned
-- Orphaned and not taken for long.
select s.session_id, s.term, s.holder, s.cause from sessions s
where s.phase = 'orphaned' and s.orphaned_at <= :before order by s.orphaned_at limit :limit;

-- name: list_idle
-- The service's own sessions, when they are the last ones of a call in which nothing was said for long.
select s.session_id, s.term, s.holder
from sessions s join calls c using (call_id) join conversations v using (conversation_id)
where s.host_id = :own_host and s.phase in ('live', 'offered') and v.last_at <= :before
  and not exists (select 1 from sessions o
                  where o.call_id = s.call_id and o.host_id <> :own_host and o.phase <> 'ended')
limit :limit;

-- name: list_emptied
-- Orphans for whom nothing is due, since a short time. Materialized, here and below: found by what they wait for, where
-- the order asked for would be that of all sessions that ever were.
with emptied as materialized (
  select * from sessions
  where phase = 'orphaned' and orphaned_at > :now - :past and next_dispatch_at is null and agent_name is not null)
select session_id, term, holder, cause, orphaned_at, missing_since, agent_name, agent_identity, call_id,
  conversation_id, room_name
from emptied join calls using (call_id)
where session_id > :after order by session_id limit :limit;

-- name: list_closing
-- Orphans for whom nothing is due, and whom nobody can come back to once LiveKit has no such room: it was closed, is
-- about something else now, or their agent cannot be asked for.
with closing as materialized (
  select s.*, c.conversation_id, c.room_name
  from sessions s join calls c using (call_id)
  where s.phase = 'orphaned' and s.next_dispatch_at is null and s.orphaned_at <= :now - :past
    and (s.agent_name is null or exists (
      select 1 from rooms r
      where r.tenant = c.tenant and r.name = c.room_name and r.conversation_id = c.conversation_id
        and r.closed_at >= c.started_at)))
select session_id, term, holder, cause, orphaned_at, missing_since, agent_name, agent_identity, call_id,
  conversation_id, room_name
from closing where session_id > :after order by session_id limit :limit;

-- name: see_sid
insert into call_rooms (tenant, room_sid, call_id, seen_at) values (:tenant, :room_sid, :call_id, :now)
on conflict do nothing;

-- name: note_missing
-- ?3: since when; null: it is there.
update sessions set missing_since = ?3
where session_id = ?1 and term = ?2;
