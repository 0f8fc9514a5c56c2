-- name: list_going
-- The calls of this room name that may go on, the one of this very room first; not those whose role has ended.
-- is_held: an agent of it lives; is_fresh: it was just lost, and not because its people had left, or nobody has taken
-- it yet.
select c.call_id, c.conversation_id, c.is_named, v.user_id,
  exists (select 1 from call_rooms r
          where r.tenant = c.tenant and r.room_sid = :room_sid and r.call_id = c.call_id) as is_here,
  exists (select 1 from sessions s join hosts h on h.host_id = s.host_id
          where s.call_id = c.call_id and s.agent_name is not null and s.phase in ('live', 'offered')
            and h.lease_until > :now) as is_held,
  (not exists (select 1 from sessions s where s.call_id = c.call_id and s.agent_name is not null)
   or exists (select 1 from sessions s
              where s.call_id = c.call_id and s.role = :role and s.phase = 'orphaned' and s.cause <> 'empty'
              and (s.next_dispatch_at is not null or s.orphaned_at > :now - :recent))) as is_fresh
from going_calls c join conversations v on v.conversation_id = c.conversation_id
where c.tenant = :tenant
  and c.call_id in (
    select n.call_id from calls n where n.tenant = :tenant and n.room_name = :room_name and n.ended_at is null
    union select r.call_id from call_rooms r where r.tenant = :tenant and r.room_sid = :room_sid)
  and not exists (select 1 from sessions s
                  where s.call_id = c.call_id and s.role = :role and (s.phase = 'ended' or s.ending is not null))
  and (exists (select 1 from call_rooms r
               where r.tenant = c.tenant and r.room_sid = :room_sid and r.call_id = c.call_id)
       or not exists (select 1 from rooms r
                      where r.tenant = c.tenant and r.name = c.room_name and r.closed_at >= c.started_at))
order by is_here desc, c.started_at desc limit :limit;

-- name: unname_calls
update calls set is_named = false
where conversation_id = :conversation_id
  and call_id in (select call_id from call_rooms where tenant = :tenant and room_sid = :sid);

-- name: name_calls
-- A room of theirs is opened for this conversation by choice of the application.
update calls set is_named = true
where tenant = :tenant and room_name = :name and conversation_id = :conversation_id and ended_at is null;

-- name: name_call
update calls set is_named = true where call_id = :call_id;

-- name: put_participant
-- What is null stays as it was; ?10: they came or left, and ?9 is when they had left.
insert into participants as p (call_id, identity, tenant, kind, name, metadata, attributes, joined_at, left_at)
values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)
on conflict (call_id, identity) do update
   set kind = coalesce(excluded.kind, p.kind), name = coalesce(excluded.name, p.name),
       metadata = coalesce(excluded.metadata, p.metadata),
       attributes = coalesce(excluded.attributes, p.attributes),
       joined_at = coalesce(p.joined_at, excluded.joined_at), words = null,
       left_at = case when ?10 then excluded.left_at else p.left_at end;

-- name: list_participants
select identity, kind, name, metadata, joined_at, left_at from participants where call_id = :call_id
order by joined_at nulls first, identity;
