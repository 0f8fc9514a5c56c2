-- name: close_conversation
update conversations set closed_at = coalesce(closed_at, :now), summary = :summary
where conversation_id = :conversation_id and tenant = :tenant returning conversation_id;

-- name: has_calls
select exists (select 1 from calls where tenant = :tenant and conversation_id = :conversation_id) as has_calls;

-- name: get_conversation_user
select user_id from conversations where conversation_id = :conversation_id and tenant = :tenant;
