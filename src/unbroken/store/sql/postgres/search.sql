-- name: list_unindexed_callers
-- Put or changed in this transaction: their words are made by who runs it.
select call_id, identity, name, attributes from participants where words is null;

-- name: index_caller
update participants set words = ?3 where call_id = ?1 and identity = ?2;

-- name: list_unindexed_conversations
select conversation_id, user_id, title from conversations where words is null;

-- name: index_conversation
update conversations set words = ?2 where conversation_id = ?1;

-- name: found_lines
-- Of each conversation the line that has the most terms, of those the newest.
with found as (
  select m.*, (select count(*) from unnest(:terms::text[]) t where m.words @@ t::tsquery) as terms
  from messages m
  where m.tenant = :tenant and m.conversation_id = any(:ids::uuid[])
    and m.words @@ any(select t::tsquery from unnest(:terms::text[]) t))
select distinct on (conversation_id) conversation_id, item_id, role, text, false as is_damaged
from found order by conversation_id, terms desc, heard_at desc, session_id desc, place desc;
