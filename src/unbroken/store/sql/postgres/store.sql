-- name: put_store
insert into store (one, system_id, own_holder, created_at) values (1, :system_id, gen_random_uuid(), :now)
on conflict do nothing;

-- name: get_health
select pg_is_in_recovery() as is_standby, current_setting('default_transaction_read_only')::boolean as is_read_only
from store;

-- name: get_time
select (extract(epoch from clock_timestamp()) * 1000000)::bigint as now_us;

-- name: get_history
-- Which history of which database this is. What was put back has had another start of its server, or other tables.
select (select system_id from store), (select own_holder from store),
  (extract(epoch from pg_postmaster_start_time()) * 1000000)::bigint as started_at,
  (select oid::bigint from pg_database where datname = current_database()) as database_id,
  'store'::regclass::oid::bigint as table_id;
