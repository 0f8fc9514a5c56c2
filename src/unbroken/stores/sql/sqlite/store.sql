-- name: put_store
insert into store (one, system_id, created_at) values (1, :system_id, :now) on conflict do nothing;

-- name: get_store
select system_id from store;
