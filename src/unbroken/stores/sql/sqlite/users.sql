-- name: put_user
insert into users (tenant, user_id, name, context, created_at) values (:tenant, :user_id, :name, :context, :now)
on conflict (tenant, user_id) do update set name = coalesce(excluded.name, name), context = coalesce(excluded.context, context);

-- name: get_user
select user_id, name, context, created_at from users where tenant = :tenant and user_id = :user_id;
