-- name: put_store
insert into store (one, system_id, own_holder, created_at) values (1, :system_id, randomblob(16), :now)
on conflict do nothing;

-- name: list_columns
-- Of our tables; those of the search index are SQLite's own.
select c.name, c.type, c."notnull" or c.pk as is_owed from sqlite_schema t join pragma_table_info(t.name) c
where t.type = 'table' and t.name not like 'search%';

-- name: list_copied
-- The columns of all that is copied; the search index is made of it.
select t.name as table_name, c.name as column_name, lower(c.type) as type_name, c.pk as position
from sqlite_schema t join pragma_table_info(t.name) c
where t.type = 'table' and t.name <> 'store' and t.name not like 'search%' and t.name not like 'sqlite%'
order by table_name, c.cid;
