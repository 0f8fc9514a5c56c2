-- name: take_turn
-- Nobody has it, or who had it has not given it back in time.
insert into turns (tenant, name, holder, until) values (:tenant, :name, :holder, :now + :hold)
on conflict (tenant, name) do update set holder = excluded.holder, until = excluded.until
   where until <= :now
returning name;

-- name: give_turn_back
delete from turns where tenant = :tenant and name = :name and holder = :holder;
