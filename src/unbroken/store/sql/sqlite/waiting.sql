-- name: await_agent
-- A room that waits already goes on waiting, unless LiveKit has made it anew, with a dispatch.
insert into waiting (room_id, tenant, agent_name, opened_at, due_at, asked_at, tries)
select room_id, tenant, :agent_name, coalesce(:asked_at, :now), :now + :pause, :asked_at, :asked_at is not null
from rooms where tenant = :tenant and name = :name and closed_at is null
on conflict (room_id) do update
   set agent_name = excluded.agent_name, opened_at = excluded.opened_at, due_at = excluded.due_at,
       asked_at = excluded.asked_at, tries = tries + 1
   where excluded.asked_at is not null;

-- name: note_look
-- since: its people wait, from the first look that saw them.
update waiting
   set looks = looks + 1, due_at = :now + :again, is_coming = :is_coming,
       since = iif(:has_people, coalesce(since, :now), null),
       asked_at = iif(:is_asked, coalesce(asked_at, :now), asked_at)
where room_id = :room_id returning since;

-- name: claim_ask
-- One asks, of all who saw that the last dispatch is lost; nobody, if somebody has taken the session meanwhile.
update waiting set asked_at = :now, tries = tries + 1, due_at = :now + :again, is_coming = 0, looks = looks + 1,
       since = iif(:has_people, coalesce(since, :now), since)
where room_id = :room_id and asked_at is :asked_at
  and not exists (select 1 from taken_rooms t where t.room_id = waiting.room_id)
returning room_id;

-- name: give_up_waiting
-- One gives up, and nobody if there is an agent after all. Due again after :hold if that one is gone.
update waiting set due_at = :now + :hold
where room_id = :room_id and since is :since
  and not exists (select 1 from taken_rooms t where t.room_id = waiting.room_id)
returning room_id;

-- name: claim_waiting
-- Those that are due, each to one who looks; again after :hold if that one is gone. Who waits for nobody any more is
-- forgotten first.
delete from waiting where due_at <= :now
  and (not exists (select 1 from rooms r where r.room_id = waiting.room_id and r.closed_at is null)
       or exists (select 1 from taken_rooms t where t.room_id = waiting.room_id));
update waiting set due_at = :now + :hold
where room_id in (select room_id from waiting where due_at <= :now order by due_at limit :limit)
returning room_id, agent_name, opened_at, due_at, looks, asked_at, tries, since, is_coming,
  (select name from rooms r where r.room_id = waiting.room_id) as name,
  (select conversation_id from rooms r where r.room_id = waiting.room_id) as conversation_id;
