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

-- name: list_waiting
-- Orphans for whom nothing is due, the newest first. is_closed: their room was closed, or is about something else now.
select s.session_id, s.term, s.holder, s.cause, s.orphaned_at, s.missing_since, s.agent_name, s.agent_identity,
  c.call_id, c.conversation_id, c.room_name,
  exists (select 1 from rooms r
          where r.tenant = c.tenant and r.name = c.room_name and r.conversation_id = c.conversation_id
        and r.closed_at >= c.started_at) as is_closed
from sessions s join calls c using (call_id)
where s.phase = 'orphaned' and s.next_dispatch_at is null order by s.orphaned_at desc limit :limit;

-- name: list_silent
-- Held on a host whose lease is over and whom we could have heard; not the service's own, which hold what was saved
-- over REST. missing_since: noted since the host fell silent.
select s.session_id, s.term, s.holder, s.cause, null as orphaned_at,
  iif(s.missing_since >= h.lease_until, s.missing_since, null) as missing_since,
  s.agent_name, s.agent_identity, 0 as is_closed, c.call_id, c.conversation_id, c.room_name
from hosts h join sessions s on s.host_id = h.host_id and s.phase in ('live', 'offered') join calls c using (call_id)
where h.lease_until <= :now and :listened >= coalesce(h.ttl, :listened) and h.host_id <> :own_host limit :limit;

-- name: list_live
select s.session_id, s.term, s.holder, s.cause, null as orphaned_at, s.missing_since, s.agent_name, s.agent_identity,
  0 as is_closed, c.call_id, c.conversation_id, c.room_name
from sessions s join calls c using (call_id) where s.phase = 'live' and s.agent_name is not null limit :limit;

-- name: list_former
-- Who spoke for a live session before its present holder, where that holder came after :since.
select c.room_name, o.agent_identity from sessions s
join terms n on n.session_id = s.session_id and n.term = s.term and n.taken_at > :since
join terms o on o.session_id = s.session_id and o.term < s.term and o.agent_identity is not s.agent_identity
join calls c using (call_id)
where s.phase = 'live' and s.term > 1 and o.agent_identity is not null limit :limit;

-- name: list_sids
select room_sid from call_rooms where call_id = :call_id and tenant = :tenant;

-- name: see_sid
insert into call_rooms (tenant, room_sid, call_id, seen_at) values (:tenant, :room_sid, :call_id, :now)
on conflict do nothing;

-- name: note_missing
-- ?3: since when; null: it is there.
update sessions set missing_since = ?3
where session_id = ?1 and term = ?2;
