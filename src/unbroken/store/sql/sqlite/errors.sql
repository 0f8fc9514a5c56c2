-- name: put_error
insert into errors (error_id, tenant, room_name, error_type, message, stack_trace, at, sum)
values (:error_id, :tenant, :room_name, :error_type, :message, :stack_trace, :now,
  row_sum(cast(:room_name as blob), cast(:error_type as blob), cast(:message as blob),
          cast(:stack_trace as blob), :now));

-- name: list_errors
select error_id, room_name, error_type, message, stack_trace, at,
  sum is null or sum = row_sum(cast(room_name as blob), cast(error_type as blob), cast(message as blob),
    cast(stack_trace as blob), at) as is_whole
from errors where tenant = :tenant and (at, error_id) < (:before_at, :before_id)
order by at desc, error_id desc limit :limit;
