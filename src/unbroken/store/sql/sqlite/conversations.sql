-- name: put_conversation
insert into conversations (conversation_id, tenant, user_id, created_at, last_at)
values (:conversation_id, :tenant, :user_id, :now, :now)
on conflict (conversation_id) do update set user_id = coalesce(user_id, excluded.user_id);

-- name: touch_conversation
update conversations set last_at = max(last_at, :at) where conversation_id = :conversation_id;

-- name: suggest_title
update conversations set title = :title, title_sum = row_sum(cast(:title as blob))
where conversation_id = :conversation_id and title is null;

-- name: set_title
update conversations set title = :title, title_sum = row_sum(cast(:title as blob))
where conversation_id = :conversation_id and tenant = :tenant returning conversation_id;

-- name: find_conversations
select c.conversation_id
from conversations c where c.tenant = :tenant and (c.last_at, c.conversation_id) < (:before_at, :before_id)
  and (:user_id is null or c.user_id = :user_id)
  and (:terms is null or c.conversation_id in (
    select conversation_id from (
      select t.key, d.conversation_id
      from json_each(:terms) t join search f on f.words match t.value join searched d on d.n = f.rowid
      group by t.key, d.conversation_id)
    group by conversation_id having count(*) = json_array_length(:terms)))
order by c.last_at desc, c.conversation_id desc limit :limit;

-- name: get_conversations
-- apart: of a last line, or a title, with large parts.
select c.conversation_id, c.user_id, iif(c.title_sum <> row_sum(cast(c.title as blob)), null, c.title) as title,
  c.created_at, c.last_at,
  (select count(*) from calls k where k.tenant = c.tenant and k.conversation_id = c.conversation_id) as calls,
  (select count(*) from messages m
   where m.tenant = c.tenant and m.conversation_id = c.conversation_id
     and m.role in ('user', 'assistant')) as messages,
  exists (select 1 from calls k join sessions s using (call_id) join hosts h using (host_id)
          where k.tenant = c.tenant and k.conversation_id = c.conversation_id and s.agent_name is not null
            and s.phase in ('live', 'offered') and h.lease_until > :now) as is_live,
  (select iif(m.is_damaged or m.is_misplaced, null, m.text)
   from lines m where m.tenant = c.tenant and m.conversation_id = c.conversation_id and m.role in ('user', 'assistant')
   order by m.heard_at desc, m.session_id desc, m.place desc limit 1) as last_message,
  (select whole(e.payload, e.sha256) from (
    select m.session_id, iif(m.is_misplaced, null, m.seq) as seq from lines m
    where m.tenant = c.tenant and m.conversation_id = c.conversation_id and m.role in ('user', 'assistant')
    order by m.heard_at desc, m.session_id desc, m.place desc limit 1)
   join entries e using (session_id, seq) where e.flags & 4) as last_apart,
  (select whole(e.payload, e.sha256)
   from calls k join sessions s using (call_id) join lines m on m.session_id = s.session_id and m.role = 'user'
    and m.is_misplaced is not 1
    join entries e on e.session_id = m.session_id and e.seq = m.seq
   where c.title is null and k.tenant = c.tenant and k.conversation_id = c.conversation_id and e.flags & 4
   order by m.heard_at, m.session_id, m.place limit 1) as title_apart
from json_each(:ids) i cross join conversations c on c.conversation_id = id_of(i.value)
where c.tenant = :tenant
order by c.last_at desc, c.conversation_id desc;

-- name: list_user_conversations
select conversation_id, iif(title_sum <> row_sum(cast(title as blob)), null, title) as title, last_at from conversations
where tenant = :tenant and user_id = :user_id order by last_at desc limit :limit;
