-- name: put_room
insert into rooms as r (room_id, tenant, name, conversation_id, sid, user_id, created_at, is_named, agents)
values (:room_id, :tenant, :name, :conversation_id, :sid, :user_id, :now, :is_named, :agents)
on conflict (tenant, name) where closed_at is null do update
   set conversation_id = excluded.conversation_id, sid = excluded.sid, user_id = coalesce(excluded.user_id, r.user_id),
       is_named = r.is_named or excluded.is_named, agents = coalesce(excluded.agents, r.agents);

-- name: turn_room
-- The room goes on for others, with a conversation of their own.
update rooms set conversation_id = :conversation_id, is_named = false
where tenant = :tenant and name = :name and sid = :sid and conversation_id <> :conversation_id and closed_at is null;
