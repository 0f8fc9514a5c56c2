-- name: ends_of
-- The first line and the last one.
select place, heard_at from messages
where session_id = :session_id
  and place in ((select min(place) from messages where session_id = :session_id),
                (select max(place) from messages where session_id = :session_id));

-- name: place_of
select place, heard_at from messages where session_id = :session_id and item_id = :item_id;

-- name: newest_heard
select heard_at from messages where tenant = :tenant and conversation_id = :conversation_id
order by heard_at desc limit 1;

-- name: list_places
select item_id from messages where session_id = :session_id order by place;

-- name: last_item
select item_id from messages where session_id = :session_id order by place desc limit 1;
