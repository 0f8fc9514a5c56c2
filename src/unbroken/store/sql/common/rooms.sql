-- name: get_room
select room_id, name, conversation_id, sid, user_id, created_at, is_named, agents from rooms
where tenant = :tenant and name = :name and closed_at is null;

-- name: see_room_sid
-- The owner of the room's session reported a further sid.
update rooms set sid = :sid
where tenant = :tenant and name = :name and conversation_id = :conversation_id and closed_at is null;

-- name: close_room
-- The last one answers.
delete from waiting
where room_id in (select room_id from rooms where tenant = :tenant and name = :name and closed_at is null);
update rooms set closed_at = :now where tenant = :tenant and name = :name and closed_at is null returning room_id;
