-- name: put_error
insert into errors (error_id, tenant, room_name, error_type, message, stack_trace, at)
values (:error_id, :tenant, :room_name, :error_type, :message, :stack_trace, :now);

-- name: list_errors
select error_id, room_name, error_type, message, stack_trace, at from errors where tenant = :tenant order by at desc limit :limit;
