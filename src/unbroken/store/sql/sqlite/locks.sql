-- name: acquire_lock
-- Nobody holds it, or its holder has not released it in time.
insert into locks (tenant, name, holder, until) values (:tenant, :name, :holder, :now + :hold)
on conflict (tenant, name) do update set holder = excluded.holder, until = excluded.until
   where until <= :now
returning name;

-- name: release_lock
delete from locks where tenant = :tenant and name = :name and holder = :holder;
