-- name: begin_blob
-- None: it is being deleted.
insert into blobs (name, at) values (:name, :now)
on conflict (name) do update set at = excluded.at where blobs.doomed_at is null
returning name;

-- name: put_part
insert into entry_parts (name, session_id, seq) values (?, ?, ?) on conflict do nothing;

-- name: is_referred
-- By a file, by an entry, or by one beside the log.
select 1 as one from files where sha256 = :sha256
union all
select 1 from entry_parts p join entries e using (session_id, seq) where p.name = :name and e.payload is not null
union all
select 1 from entry_parts p join side_entries e using (session_id, seq)
where p.name = :name and e.payload is not null
limit 1;

-- name: doom_blob
-- None: somebody puts it, or has lately.
insert into blobs (name, at, doomed_at) values (:name, 0, :now)
on conflict (name) do update set doomed_at = excluded.doomed_at where blobs.at < :before
returning name;

-- name: list_doomed
select name from blobs where doomed_at < :before order by doomed_at limit :limit;

-- name: forget_blob
delete from entry_parts where name = :name;
delete from blobs where name = :name and doomed_at is not null;

-- name: forget_old_blobs
-- A row that is as good as none.
delete from blobs where doomed_at is null and at < :before;
