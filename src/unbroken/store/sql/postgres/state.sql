-- name: get_state
select key, version, content, at, true as is_whole
from state where tenant = :tenant and scope = :scope and owner = :owner and key = :key;

-- name: list_state
select key, version, content, at, true as is_whole
from state where tenant = :tenant and scope = :scope and owner = :owner and key > :after and key >= :prefix
order by key;

-- name: list_state_changes
select key, version, content, at, true as is_whole
from state_changes where tenant = :tenant and scope = :scope and owner = :owner and version > :after order by version;

-- name: list_state_revisions
-- Each owner as scope/id.
select n.value as owner, o.revision from unnest(cast(:owners as text[])) n (value) join state_owners o
on o.tenant = :tenant and o.scope = split_part(n.value, '/', 1) and o.owner = substr(n.value, strpos(n.value, '/') + 1);

-- name: put_state
-- No row: it has another version now.
insert into state as s (tenant, scope, owner, key, version, content, at)
select :tenant, :scope, :owner, :key, :version, :content, :now
where :before = 0 or exists (
  select 1 from state where tenant = :tenant and scope = :scope and owner = :owner and key = :key)
on conflict (tenant, scope, owner, key) do update
   set version = excluded.version, content = excluded.content, at = excluded.at
   where s.version = :before
returning key;

-- name: put_state_change
insert into state_changes (tenant, scope, owner, version, key, content, at)
values (:tenant, :scope, :owner, :version, :key, :content, :now);
