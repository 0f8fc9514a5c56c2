-- name: acquire_lock
-- Nobody holds it, or its holder has not released it in time; its holder renews it.
insert into locks (tenant, name, holder, until) values (:tenant, :name, :holder, :now + :hold)
on conflict (tenant, name) do update set holder = excluded.holder, until = excluded.until
   where until <= :now or holder = excluded.holder
returning name;
