-- name: get_state_owner
select began, revision, floor from state_owners
where tenant = :tenant and scope = :scope and owner = :owner;

-- name: advance_state
-- The owner's next revision; no row: its values would be too many, or too large.
insert into state_owners as o (tenant, scope, owner, began, revision, floor, keys, bytes, kept_bytes)
values (:tenant, :scope, :owner, :now, :now, :now - 1, :keys, :bytes, :kept)
on conflict (tenant, scope, owner) do update
   set revision = o.revision + 1, keys = o.keys + :keys, bytes = o.bytes + :bytes, kept_bytes = o.kept_bytes + :kept
   where (:keys <= 0 or o.keys + :keys <= :keys_max) and (:bytes <= 0 or o.bytes + :bytes <= :bytes_max)
returning revision, floor, kept_bytes;

-- name: delete_state
delete from state where tenant = :tenant and scope = :scope and owner = :owner and key = :key and version = :before
returning key;

-- name: list_state_sizes
select version, key, length(content) as size from state_changes
where tenant = :tenant and scope = :scope and owner = :owner order by version;

-- name: forget_state_changes
delete from state_changes
where tenant = :tenant and scope = :scope and owner = :owner and version <= :floor;
update state_owners set floor = :floor, kept_bytes = :kept
where tenant = :tenant and scope = :scope and owner = :owner;

-- name: erase_state
-- The last one answers.
delete from state where tenant = :tenant and scope = :scope and owner = :owner;
delete from state_changes where tenant = :tenant and scope = :scope and owner = :owner;
delete from state_owners where tenant = :tenant and scope = :scope and owner = :owner returning revision;
