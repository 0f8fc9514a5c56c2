-- name: await_agent
-- A room that waits already goes on waiting, unless LiveKit has made it anew, with a dispatch.
insert into waiting as w (room_id, tenant, agent_name, opened_at, due_at, asked_at, tries)
select room_id, tenant, :agent_name, coalesce(:asked_at::bigint, :now), :now + :pause, :asked_at::bigint,
  (:asked_at::bigint is not null)::int
from rooms where tenant = :tenant and name = :name and closed_at is null
on conflict (room_id) do update
   set agent_name = excluded.agent_name, opened_at = excluded.opened_at, due_at = excluded.due_at,
       asked_at = excluded.asked_at, tries = w.tries + 1
   where excluded.asked_at is not null;

-- name: note_look
-- since: its people wait, from the first look that saw them.
update waiting
   set looks = looks + 1, due_at = :now + :again, is_coming = :is_coming,
       since = case when :has_people then coalesce(since, :now) end,
       asked_at = case when :is_asked then coalesce(asked_at, :now) else asked_at end
where room_id = :room_id returning since;

-- name: claim_ask
-- One asks, of all who saw that the last dispatch is lost; nobody, if somebody has taken the session meanwhile.
update waiting set asked_at = :now, tries = tries + 1, due_at = :now + :again, is_coming = false, looks = looks + 1,
       since = case when :has_people then coalesce(since, :now) else since end
where room_id = :room_id and asked_at is not distinct from :asked_at
  and not exists (select 1 from taken_rooms t where t.room_id = waiting.room_id)
returning room_id;

-- name: give_up_waiting
-- One gives up, and nobody if there is an agent after all. Due again after :hold if that one is gone.
update waiting set due_at = :now + :hold
where room_id = :room_id and since is not distinct from :since
  and not exists (select 1 from taken_rooms t where t.room_id = waiting.room_id)
returning room_id;

-- name: claim_waiting
-- Those that are due, each to one who looks; again after :hold if that one is gone. Who waits for nobody any more is
-- forgotten first.
delete from waiting where room_id in (select w.room_id from waiting w where w.due_at <= :now
  and (not exists (select 1 from rooms r where r.room_id = w.room_id and r.closed_at is null)
       or exists (select 1 from taken_rooms t where t.room_id = w.room_id))
  for update skip locked);
update waiting set due_at = :now + :hold
where room_id in (select room_id from waiting where due_at <= :now order by due_at limit :limit
    for update skip locked)
returning room_id, agent_name, opened_at, due_at, looks, asked_at, tries, since, is_coming,
  (select name from rooms r where r.room_id = waiting.room_id) as name,
  (select conversation_id from rooms r where r.room_id = waiting.room_id) as conversation_id;
