-- name: note_said
-- The first one that is known counts: those who come after are told the same.
update sessions set said_metadata = :metadata, said_attributes = :attributes
where session_id = :session_id and said_metadata is null;

-- name: get_said
select said_metadata, said_attributes from sessions where session_id = :session_id and said_metadata is not null;

-- name: session_of_role
select session_id, phase = 'ended' or ending is not null as is_over from sessions
where call_id = :call_id and role = :role and tenant = :tenant;

-- name: last_told
select s.session_id from calls c join sessions s using (call_id)
where c.tenant = :tenant and c.room_name = :room_name and c.ended_at is null and c.conversation_id = :conversation_id
  and s.agent_name = :agent_name and s.said_metadata is not null order by s.opened_at desc limit 1;

-- name: revive
-- A host that was taken for lost speaks again, and nobody has taken its session meanwhile.
update sessions
   set phase = 'live', orphaned_at = null, dispatches = 0, next_dispatch_at = null, dispatch_from = null,
       failures = 0, missing_since = null
where session_id = :session_id and term = :term and holder = :holder and phase = 'orphaned' and cause = 'host_lost'
returning session_id;

-- name: term_of_holder
select session_id, term from terms where holder = :holder and tenant = :tenant order by session_id limit 1;

-- name: get_log
-- What the term of :holder reads of the log of a session: up to base.
select t.first_seq - 1 as base, s.last_seq, s.chain, s.term = t.term as has_it, s.phase = 'ended' as is_over
from terms t join sessions s using (session_id)
where t.session_id = :session_id and t.holder = :holder and t.tenant = :tenant;

-- name: get_call_of_session
select s.role, s.phase, s.agent_identity, s.agent_name, c.call_id, c.conversation_id, c.room_name
from sessions s join calls c using (call_id)
where s.session_id = :session_id and s.tenant = :tenant;

-- name: orphan
-- Nothing is dispatched for an empty room, nor where it is not known whom to dispatch.
update sessions
   set phase = 'orphaned', cause = :cause, orphaned_at = :now, dispatches = 0, failures = 0, dispatch_from = :now,
       missing_since = null,
       next_dispatch_at = case when :is_waited_for and agent_name is not null then :now end
where session_id = :session_id and term = :term and holder = :holder and phase in ('live', 'offered')
returning session_id, next_dispatch_at;

-- name: set_ending
-- Null: it goes on after all.
update sessions set ending = :reason where session_id = :session_id;

-- name: finalize_call
-- Agents that are there go on until they leave; the other sessions of it are over now, and answered.
update sessions set ending = coalesce(ending, 'finalized')
where call_id = :call_id and agent_name is not null and phase <> 'ended';
select session_id, term, holder from sessions
where call_id = :call_id and phase <> 'ended' and (phase = 'orphaned' or role = 'saved');

-- name: get_ending
select call_id, ending from sessions
where session_id = :session_id and term = :term and holder = :holder and ending is not null and phase <> 'ended';

-- name: get_successor
-- Who has the session, if it was taken behind :at, and no person has said a word since.
select call_id, term, holder from sessions s
where session_id = :session_id and phase <> 'ended'
  and :at < (select min(taken_at) from terms t where t.session_id = s.session_id and t.term > :term and :term > 0)
  and not exists (select 1 from messages m where m.session_id = s.session_id and m.seq > :end_seq and m.role = 'user');

-- name: rejoined
update sessions set orphaned_at = :now, dispatches = 0, dispatch_from = :now, next_dispatch_at = :now
where session_id = :session_id and term = :term and phase = 'orphaned' and next_dispatch_at is null
  and agent_name is not null returning session_id;

-- name: next_dispatch
select min(next_dispatch_at) as at from sessions where next_dispatch_at is not null;

-- name: note_answered
update sessions set failures = 0 where session_id = :session_id and term = :term and failures > 0;

-- name: stand_by
-- Nobody is in the room: nothing is due until people are back.
update sessions set next_dispatch_at = null, dispatches = 0
where session_id = :session_id and term = :term and phase = 'orphaned';

-- name: end_session
-- The last one answers.
update terms set end_seq = s.last_seq from sessions s
where s.session_id = :session_id and s.term = :term and s.holder = :holder and s.phase <> 'ended'
  and terms.session_id = s.session_id and terms.term = s.term;
update sessions set phase = 'ended', end_reason = :reason, mark = null, degraded = null, next_dispatch_at = null
where session_id = :session_id and term = :term and holder = :holder and phase <> 'ended' returning last_seq;

-- name: get_session
select session_id, call_id, role, agent_name, agent_identity, phase, term, last_seq, opened_at, cause, end_reason,
  degraded, orphaned_at, next_dispatch_at
from sessions where session_id = :session_id and tenant = :tenant;

-- name: list_sessions
select session_id, call_id, role, agent_name, agent_identity, phase, term, last_seq, opened_at, cause, end_reason,
  degraded, orphaned_at, next_dispatch_at
from sessions where call_id = :call_id order by session_id limit :limit;

-- name: get_session_of_identity
select s.session_id from calls c join sessions s using (call_id)
where c.tenant = :tenant and c.room_name = :room_name and c.ended_at is null and s.agent_identity = :identity
  and s.phase <> 'ended' limit 1;

-- name: list_terms
select term, agent_identity, first_seq, end_seq, taken_at, cause, gap, report from terms where session_id = :session_id
order by term limit :limit;

-- name: set_degraded
update sessions set degraded = :degraded where session_id = :session_id;

-- name: put_report
-- What the holder of the term says about how it took over.
update terms set report = :report where session_id = :session_id and term = :term;

-- name: put_order
insert into inbox (session_id, id, tenant, term, kind, sent_at)
select session_id, :id, tenant, term, :kind, :now from sessions
where session_id = :session_id and tenant = :tenant and phase = 'live' returning id;

-- name: has_orders
select exists (select 1 from inbox where delivered_at is null and sent_at > :now - :valid) as has_orders;

-- name: take_orders
-- To the holder of that term only, and once.
update inbox set delivered_at = :now
where session_id = :session_id and term = :term and delivered_at is null and sent_at > :now - :valid returning kind;
