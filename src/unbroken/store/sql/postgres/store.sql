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
-- after_version: null where no migration has asked for that column yet.
select (select system_id from store), (select own_holder from store),
  (extract(epoch from pg_postmaster_start_time()) * 1000000)::bigint as started_at,
  (select oid::bigint from pg_database where datname = current_database()) as database_id,
  'store'::regclass::oid::bigint as table_id,
  (select (to_jsonb(v) ->> 'after_version')::int from schema_version v) as after_version;

-- name: list_copied
-- The columns of all that is copied.
select t.relname::text as table_name, c.attname::text as column_name, format_type(c.atttypid, null) as type_name,
  coalesce((select k.position from unnest(i.indkey::int2[]) with ordinality k (attnum, position)
            where k.attnum = c.attnum), 0) as position
from pg_class t
join pg_attribute c on c.attrelid = t.oid and c.attnum > 0 and not c.attisdropped
left join pg_index i on i.indrelid = t.oid and i.indisprimary
where t.relkind = 'r' and t.relname not in ('store', 'schema_version')
  and t.relnamespace = (select relnamespace from pg_class where oid = 'store'::regclass)
order by table_name, c.attnum;

-- name: count_others
-- Other processes of ours that are connected with this database.
select count(*) as count from pg_stat_activity
where datname = current_database() and application_name like 'unbroken%'
  and position(:own::text in application_name) = 0;

-- name: list_other_versions
-- How the connections of services are named that know other tables, or are behind a pool.
select distinct application_name as name from pg_stat_activity
where datname = current_database() and application_name like 'unbroken%'
  and split_part(application_name, ' ', 2) <> :version
order by name;
