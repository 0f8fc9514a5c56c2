-- name: views
-- Once per connection. is_damaged: what it says is not what was stored; is_misplaced: where it stands.
create temp view lines as select *,
  head <> row_sum(cast(item_id as blob), cast(role as blob), cast(text as blob), interrupted, cast(speaker as blob),
                  at, heard_ms, cast(metrics as blob)) as is_damaged,
  spot <> row_sum(session_id, conversation_id, seq, place, heard_at) as is_misplaced
from messages;

-- name: spots_of
-- Where these lines stand, and the one behind each of them.
select m.item_id, m.place, m.heard_at, n.place as next_place, n.heard_at as next_heard_at
from messages m
left join messages n on n.session_id = m.session_id
  and n.place = (select min(o.place) from messages o where o.session_id = m.session_id and o.place > m.place)
where m.session_id = :session_id and m.item_id in (select value from json_each(:item_ids));

-- name: put_message
-- A known id keeps its place, and when it was heard: who has read it finds it there again.
insert into messages (tenant, session_id, conversation_id, seq, place, heard_at, item_id, role, text, interrupted,
  speaker, at, heard_ms, metrics, head, spot)
values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14,
  row_sum(cast(?7 as blob), cast(?8 as blob), cast(?9 as blob), ?10, cast(?11 as blob), ?12, ?13, cast(?14 as blob)),
  row_sum(?2, ?3, ?4, ?5, ?6))
on conflict (session_id, item_id) do update
   set seq = excluded.seq, role = excluded.role, text = excluded.text, interrupted = excluded.interrupted,
       speaker = excluded.speaker, at = excluded.at, heard_ms = excluded.heard_ms,
       metrics = excluded.metrics, head = excluded.head,
       spot = excluded.spot;

-- name: remove_messages
delete from messages where session_id = :session_id and item_id in (select value from json_each(:item_ids));

-- name: move_message
update messages
   set place = ?3, spot = iif(spot = row_sum(session_id, conversation_id, seq, place, heard_at),
                              row_sum(session_id, conversation_id, seq, ?3, heard_at), spot)
where session_id = ?1 and item_id = ?2;

-- name: list_messages
-- Newest first. takeover: the term that wrote it down on its way in, as the agent that said it was lost. The sums are
-- compared by who reads it. apart: the payload of those with large parts; payload: of tools. A message belongs to the
-- turn of the last user message at or before it.
select m.session_id, m.conversation_id, m.place, m.heard_at, m.item_id, m.seq, m.role, m.text, m.interrupted,
  m.speaker, m.at, m.heard_ms, m.metrics, m.head, m.spot,
  iif(:with_turns,
    (select iif(u.is_damaged or u.is_misplaced, null, u.item_id) from lines u
     where u.session_id = m.session_id and u.role = 'user' and u.place <= m.place
     order by u.place desc limit 1), null) as turn_id,
  (select t.term from terms t
   where m.interrupted and t.session_id = m.session_id and t.term > 1
     and m.seq between t.first_seq and coalesce(t.end_seq, m.seq)
     and not exists (select 1 from entries e
                     where e.session_id = m.session_id and e.seq between t.first_seq and m.seq
                       and e.kind = 'recovered')) as takeover,
  (select whole(e.payload, e.sha256) from entries e where e.session_id = m.session_id and e.seq = m.seq
    and e.flags & 4) as apart,
  case when m.role in ('function_call', 'function_call_output') then
    (select whole(e.payload, e.sha256) from entries e where e.session_id = m.session_id and e.seq = m.seq)
  end as payload
from messages m
where m.tenant = :tenant and m.conversation_id = :conversation_id
  and (m.heard_at, m.session_id, m.place) < (:before_at, :before_session, :before_place)
  and (:all_items or m.role in ('user', 'assistant'))
order by m.heard_at desc, m.session_id desc, m.place desc limit :limit;

-- name: payload_of
select whole(payload, sha256) as payload from entries where session_id = :session_id and seq = :seq;

-- name: list_lines
select item_id, seq, head, is_damaged, is_misplaced from lines where session_id = :session_id order by place;
