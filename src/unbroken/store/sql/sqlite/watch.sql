-- name: begin_round
-- One begins it, of all services; the next one is due also if that one is gone. Nothing is written while there is
-- nothing to look at.
update store set round = round + 1, round_due_at = :now + :again
where round_due_at <= :now - :late
  and (exists (select 1 from sessions where phase = 'orphaned')
       or exists (select 1 from sessions where phase in ('live', 'offered')))
returning round as number, coalesce(away_at > :now - :unsure, false) as is_unsure;

-- name: list_waiting
-- Orphans for whom nothing is due, in the rooms of these :names.
select s.session_id, s.term, s.holder, s.cause, s.orphaned_at, s.missing_since, s.agent_name, s.agent_identity,
  c.call_id, c.conversation_id, c.room_name
from json_each(:names) n
cross join calls c on c.tenant = :tenant and c.room_name = n.value and c.ended_at is null
join sessions s on s.call_id = c.call_id
where s.phase = 'orphaned' and s.next_dispatch_at is null and s.agent_name is not null;

-- name: list_watched_rooms
-- The rooms of sessions that somebody looks after; at most :limit of either kind.
select room_name from (select c.room_name from sessions s join calls c using (call_id)
                       where s.phase = 'orphaned' limit :limit)
union
select room_name from (select c.room_name from sessions s join calls c using (call_id)
                       where s.phase in ('live', 'offered') limit :limit);

-- name: list_silent
-- Held on a host whose lease is over and whom we could have heard; not the service's own, which hold what was saved
-- over REST. missing_since: noted since the host fell silent.
with silent as materialized (
  select host_id, lease_until from hosts
  where host_id in (select host_id from sessions where phase in ('live', 'offered'))
    and lease_until <= :now and :listened >= coalesce(ttl, :listened) and host_id <> :own_host)
select s.session_id, s.term, s.holder, s.cause, null as orphaned_at,
  iif(s.missing_since >= h.lease_until, s.missing_since, null) as missing_since,
  s.agent_name, s.agent_identity, c.call_id, c.conversation_id, c.room_name
from silent h cross join sessions s on s.host_id = h.host_id and s.phase in ('live', 'offered')
  join calls c using (call_id)
where +s.session_id > :after order by s.session_id limit :limit;

-- name: list_sids
select k.call_id, k.room_sid from json_each(:calls) n
cross join call_rooms k on k.call_id = id_of(n.value) and k.tenant = :tenant;

-- name: list_elsewhere
-- Sessions with an agent, in rooms of these :names whose :sids their call does not know.
select s.session_id, s.term, s.holder, s.cause, null as orphaned_at, s.missing_since, s.agent_name, s.agent_identity,
  c.call_id, c.conversation_id, c.room_name
from json_each(:names) n
cross join calls c on c.tenant = :tenant and c.room_name = n.value and c.ended_at is null
join sessions s on s.call_id = c.call_id and s.phase = 'live' and s.agent_name is not null
where not exists (select 1 from call_rooms k
                  where k.call_id = c.call_id and k.room_sid in (select value from json_each(:sids)));

-- name: list_former
-- Who spoke for a live session before its present holder, where that holder came after :since.
select c.room_name, o.agent_identity from sessions s
join terms n on n.session_id = s.session_id and n.term = s.term and n.taken_at > :since
join terms o on o.session_id = s.session_id and o.term < s.term and o.agent_identity is not s.agent_identity
join calls c using (call_id)
where s.phase = 'live' and s.term > 1 and o.agent_identity is not null limit :limit;
