-- name: put_user
insert into users (tenant, user_id, name, context, created_at, sum)
values (:tenant, :user_id, :name, :context, :now, row_sum(cast(:user_id as blob), cast(:name as blob), :context))
on conflict (tenant, user_id) do update
   set name = coalesce(excluded.name, name), context = coalesce(excluded.context, context),
  sum = iif(excluded.context is null and sum <> row_sum(cast(user_id as blob), cast(name as blob), context), sum,
            row_sum(cast(user_id as blob), cast(coalesce(excluded.name, name) as blob),
                    coalesce(excluded.context, context)));

-- name: get_user
select user_id, name, context, created_at,
  sum is null or sum = row_sum(cast(user_id as blob), cast(name as blob), context) as is_whole
from users where tenant = :tenant and user_id = :user_id;

-- name: know_user
-- Nothing but that there is such a user.
insert into users (tenant, user_id, created_at, sum) values (?1, ?2, ?3, row_sum(cast(?2 as blob), null, null))
on conflict do nothing;
