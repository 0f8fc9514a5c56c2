-- name: get_state
select key, version, content, at, sum = row_sum(cast(owner as blob), cast(key as blob), version, content) as is_whole
from state where tenant = :tenant and scope = :scope and owner = :owner and key = :key;

-- name: list_state
select key, version, content, at, sum = row_sum(cast(owner as blob), cast(key as blob), version, content) as is_whole
from state where tenant = :tenant and scope = :scope and owner = :owner and key > :after and key >= :prefix
order by key;

-- name: list_state_changes
select key, version, content, at, sum = row_sum(cast(owner as blob), cast(key as blob), version, content) as is_whole
from state_changes where tenant = :tenant and scope = :scope and owner = :owner and version > :after order by version;

-- name: list_state_revisions
-- Each owner as scope/id.
select n.value as owner, o.revision from json_each(:owners) n cross join state_owners o
where o.tenant = :tenant and o.scope = substr(n.value, 1, instr(n.value, '/') - 1)
  and o.owner = substr(n.value, instr(n.value, '/') + 1);

-- name: put_state
-- No row: it has another version now.
insert into state (tenant, scope, owner, key, version, content, at, sum)
select :tenant, :scope, :owner, :key, :version, :content, :now,
  row_sum(cast(:owner as blob), cast(:key as blob), :version, :content)
where :before = 0 or exists (
  select 1 from state where tenant = :tenant and scope = :scope and owner = :owner and key = :key)
on conflict (tenant, scope, owner, key) do update
   set version = excluded.version, content = excluded.content, at = excluded.at, sum = excluded.sum
   where version = :before
returning key;

-- name: put_state_change
insert into state_changes (tenant, scope, owner, version, key, content, at, sum)
values (:tenant, :scope, :owner, :version, :key, :content, :now,
  row_sum(cast(:owner as blob), cast(:key as blob), :version, :content));
