-- name: open_call
-- The last one answers.
insert into call_rooms (tenant, room_sid, call_id, seen_at) values (:tenant, :room_sid, :call_id, :now)
on conflict do nothing;
insert into calls (call_id, tenant, conversation_id, room_name, started_at)
select call_id, tenant, :conversation_id, :room_name, :now from call_rooms
where tenant = :tenant and room_sid = :room_sid and call_id = :call_id on conflict do nothing;
select call_id from call_rooms where tenant = :tenant and room_sid = :room_sid;

-- name: open_call_without_sid
insert into calls (call_id, tenant, conversation_id, room_name, started_at)
values (:call_id, :tenant, :conversation_id, :room_name, :now) on conflict do nothing;

-- name: forget_sid
-- The call that it led to is over, or goes on elsewhere: the room has a new one.
delete from call_rooms where tenant = :tenant and room_sid = :room_sid;

-- name: is_own_word
-- The conversation was put into the metadata of this very LiveKit room by us, not by choice of the application: what
-- stands in the metadata of a room that we know nothing of is its word, even where we chose the conversation once.
select (exists (select 1 from rooms r
                where r.tenant = :tenant and r.name = :name and r.sid = :sid and r.closed_at is null)
        or exists (select 1 from call_rooms x where x.tenant = :tenant and x.room_sid = :sid))
   and coalesce((select not r.is_named from rooms r
                 where r.tenant = :tenant and r.name = :name and r.sid = :sid
                   and r.conversation_id = :conversation_id and r.closed_at is null),
                exists (select 1 from calls c
                        where c.tenant = :tenant and c.room_name = :name and c.conversation_id = :conversation_id
                      and not c.is_named))
       as is_own_word;

-- name: list_calls_of_room
-- The calls of a conversation in rooms of this name, the newest first.
select c.call_id, c.is_named, exists (select 1 from going_calls g where g.call_id = c.call_id) as is_going from calls c
where c.tenant = :tenant and c.conversation_id = :conversation_id and c.room_name = :room_name
order by c.started_at desc limit :limit;

-- name: list_people
select identity, kind, attributes from participants where call_id = :call_id limit :limit;

-- name: call_of_name
-- The open call of this room name that goes on under another sid: one of its sessions has a living holder, or nobody
-- took it yet; and nobody has closed the room since.
select c.call_id, c.conversation_id from going_calls c
where c.tenant = :tenant and c.room_name = :room_name
  and (exists (select 1 from sessions s join hosts h on h.host_id = s.host_id
               where s.call_id = c.call_id and s.phase in ('live', 'offered') and h.lease_until > :now)
       or not exists (select 1 from sessions s where s.call_id = c.call_id))
  and not exists (select 1 from rooms r
                  where r.tenant = c.tenant and r.name = c.room_name and r.closed_at >= c.started_at)
order by c.started_at desc limit 1;

-- name: call_of_person
-- The open call of this room name that waits for its people, of whom this is one.
select c.call_id, c.conversation_id
from going_calls c join sessions s using (call_id) join participants p using (call_id)
where c.tenant = :tenant and c.room_name = :room_name and s.phase = 'orphaned' and p.identity = :identity
  and not exists (select 1 from rooms r
                  where r.tenant = c.tenant and r.name = c.room_name and r.closed_at >= c.started_at)
order by c.started_at desc limit 1;

-- name: open_call_of_name
-- Not one whose conversation was closed since.
select call_id, conversation_id from calls c where tenant = :tenant and room_name = :room_name and ended_at is null
  and not exists (select 1 from conversations v
      where v.conversation_id = c.conversation_id and v.closed_at >= c.started_at) order by started_at desc limit 1;

-- name: last_call_of_name
select call_id, conversation_id from calls where tenant = :tenant and room_name = :room_name
order by started_at desc limit 1;

-- name: get_call
select call_id, conversation_id, room_name, started_at, ended_at, end_reason, is_named from calls
where call_id = :call_id and tenant = :tenant;

-- name: end_call
-- When no session of it is open any more. Its places are free when no agent has one.
update calls set ended_at = :now, end_reason = :reason
where call_id = :call_id and ended_at is null
  and not exists (select 1 from sessions s where s.call_id = :call_id and s.phase <> 'ended');
delete from leases where tenant = :tenant and call_id = :call_id
  and not exists (select 1 from sessions s
                  where s.call_id = :call_id and s.phase <> 'ended' and s.agent_name is not null);

-- name: reopen_call
-- A session of it goes on: the store that ended it had gone back.
update calls set ended_at = null, end_reason = null where call_id = :call_id and ended_at is not null;

-- name: list_calls
select call_id, conversation_id, room_name, started_at, ended_at, end_reason from calls
where tenant = :tenant and conversation_id = :conversation_id order by started_at desc, call_id desc limit :limit;

-- name: set_call_summary
update calls set summary = :summary where call_id = :call_id;

-- name: leave_participant
update participants set left_at = ?3 where call_id = ?1 and identity = ?2;

-- name: going_call_of_room
-- One of this conversation that an agent has, or had and is waited for.
select c.call_id from calls c
where c.tenant = :tenant and c.room_name = :room_name and c.conversation_id = :conversation_id and c.ended_at is null
  and exists (select 1 from sessions s where s.call_id = c.call_id and s.agent_name is not null and s.phase <> 'ended')
limit 1;

-- name: has_open_session
select session_id from sessions where call_id = :call_id and agent_name is not null and phase <> 'ended' limit 1;
