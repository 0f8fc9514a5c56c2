-- name: get_store
select system_id, own_holder from store;

-- name: touch_store
-- A write that changes nothing.
update store set created_at = created_at;
