-- name: get_store
select system_id, own_holder, created_at, is_copying from store;

-- name: touch_store
-- A write that changes nothing.
update store set created_at = created_at;

-- name: begin_copy
-- From now on it is an unfinished copy of that one.
update store set system_id = :system_id, own_holder = :own_holder, created_at = :created_at, is_copying = true;

-- name: end_copy
update store set is_copying = false;
