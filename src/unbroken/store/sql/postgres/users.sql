-- name: put_user
insert into users as u (tenant, user_id, name, context, created_at)
values (:tenant, :user_id, :name, :context, :now)
on conflict (tenant, user_id) do update
   set name = coalesce(excluded.name, u.name), context = coalesce(excluded.context, u.context);

-- name: get_user
select user_id, name, context, created_at, true as is_whole from users where tenant = :tenant and user_id = :user_id;

-- name: know_user
-- Nothing but that there is such a user.
insert into users (tenant, user_id, created_at) values (?, ?, ?) on conflict do nothing;
