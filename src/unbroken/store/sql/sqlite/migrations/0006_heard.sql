-- The order of a transcript: when each line began to be heard, by the store's clock. Within a session it never goes back.
alter table hosts add column clock_ahead integer;                   -- microseconds that the store's clock is ahead of the host's, as its batches show
alter table messages add column heard_at integer not null default 0;
update messages set heard_at = h.heard_at from (
  select m.session_id, m.item_id, max(min(m.at, c.last_at)) over (partition by m.session_id order by m.place) as heard_at
  from messages m join conversations c using (conversation_id)) h
where messages.session_id = h.session_id and messages.item_id = h.item_id;
drop index messages_1;
  create index messages_1 on messages (tenant, conversation_id, heard_at, session_id, place);
  create index messages_3 on messages (session_id, place);
