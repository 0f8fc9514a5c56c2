-- name: put_error
insert into errors (error_id, tenant, room_name, error_type, message, stack_trace, at)
values (:error_id, :tenant, :room_name, :error_type, :message, :stack_trace, :now);

-- name: list_errors
select error_id, room_name, error_type, message, stack_trace, at, true as is_whole
from errors where tenant = :tenant and (at, error_id) < (:before_at, :before_id)
order by at desc, error_id desc limit :limit;
