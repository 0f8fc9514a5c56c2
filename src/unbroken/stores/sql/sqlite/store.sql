-- name: put_store
insert into store (one, system_id, own_holder, created_at) values (1, :system_id, randomblob(16), :now) on conflict do nothing;

-- name: get_store
select system_id, own_holder from store;

-- name: touch_store
-- A write that changes nothing.
update store set created_at = created_at;
