-- name: spots_of
-- Where these lines stand, and the one behind each of them.
select m.item_id, m.place, m.heard_at, n.place as next_place, n.heard_at as next_heard_at
from messages m
left join messages n on n.session_id = m.session_id
  and n.place = (select min(o.place) from messages o where o.session_id = m.session_id and o.place > m.place)
where m.session_id = :session_id and m.item_id = any(:item_ids::text[]);

-- name: put_message
-- A known id keeps its place, and when it was heard: who has read it finds it there again.
insert into messages (tenant, session_id, conversation_id, seq, place, heard_at, item_id, role, text, interrupted,
  speaker, at, heard_ms, metrics, words)
values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
on conflict (session_id, item_id) do update
   set seq = excluded.seq, role = excluded.role, text = excluded.text, interrupted = excluded.interrupted,
       speaker = excluded.speaker, at = excluded.at, heard_ms = excluded.heard_ms,
       metrics = excluded.metrics, words = excluded.words;

-- name: remove_messages
delete from messages where session_id = :session_id and item_id = any(:item_ids::text[]);

-- name: move_message
update messages
set place = ?3
where session_id = ?1 and item_id = ?2;

-- name: list_messages
-- Newest first. takeover: the term that wrote it down on its way in, as the agent that said it was lost. apart: the
-- payload of those with large parts; payload: of tools. A message belongs to the turn of the last user message at or
-- before it.
select m.session_id, m.place, m.heard_at, m.item_id, m.seq, m.role, m.text, m.interrupted, m.speaker,
  m.at, m.heard_ms, m.metrics,
  case when :with_turns then
    (select u.item_id from messages u
     where u.session_id = m.session_id and u.role = 'user' and u.place <= m.place
     order by u.place desc limit 1)
  end as turn_id,
  (select t.term from terms t
   where m.interrupted and t.session_id = m.session_id and t.term > 1
     and m.seq between t.first_seq and coalesce(t.end_seq, m.seq)
     and not exists (select 1 from entries e
                     where e.session_id = m.session_id and e.seq between t.first_seq and m.seq
                       and e.kind = 'recovered')) as takeover,
  false as is_damaged, false as is_misplaced,
  (select whole(e.payload, e.sha256) from entries e where e.session_id = m.session_id and e.seq = m.seq
    and e.flags & 4 <> 0) as apart,
  case when m.role in ('function_call', 'function_call_output') then
    (select whole(e.payload, e.sha256) from entries e where e.session_id = m.session_id and e.seq = m.seq)
  end as payload
from messages m
where m.tenant = :tenant and m.conversation_id = :conversation_id
  and (m.heard_at, m.session_id, m.place) < (:before_at, :before_session, :before_place)
  and (:all_items or m.role in ('user', 'assistant'))
order by m.heard_at desc, m.session_id desc, m.place desc limit :limit;

-- name: list_lines
-- All that `head` is made of, by who reads it.
select item_id, role, text, interrupted::int as interrupted, speaker, at, heard_ms, metrics, seq,
  false as is_damaged, false as is_misplaced
from messages where session_id = :session_id order by place;
