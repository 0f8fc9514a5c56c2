-- name: next_waiting
select min(due_at) as at from waiting;

-- name: find_waiting
select w.room_id, w.agent_name, w.opened_at, w.due_at, w.looks, w.asked_at, w.tries, w.since, w.is_coming, r.name,
  r.conversation_id
from rooms r join waiting w using (room_id)
where r.tenant = :tenant and r.name = :name and r.closed_at is null
  and not exists (select 1 from taken_rooms t where t.room_id = r.room_id);

-- name: list_waiting_rooms
select w.room_id, w.agent_name, w.opened_at, w.due_at, w.looks, w.asked_at, w.tries, w.since, w.is_coming, r.name,
  r.conversation_id
from waiting w join rooms r using (room_id)
where r.tenant = :tenant and r.closed_at is null
  and not exists (select 1 from taken_rooms t where t.room_id = r.room_id)
order by w.opened_at desc limit :limit;

-- name: postpone_waiting
-- LiveKit did not answer: nobody is known to wait.
update waiting set due_at = :now + :again, since = null where room_id = :room_id;

-- name: settle_waiting
delete from waiting where room_id = :room_id;

-- name: list_agent_names
-- Under which names sessions were opened since then: one step in the index for each name there is.
with recursive names (name) as (
  select min(agent_name) from sessions
  union all select (select min(agent_name) from sessions where agent_name > names.name) from names
  where names.name is not null)
select name from names
where name is not null and exists (select 1 from sessions s where s.agent_name = name and s.opened_at >= :since)
limit :limit;
