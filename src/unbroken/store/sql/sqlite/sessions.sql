-- name: renew_host
-- ahead: by how much the store's clock was ahead of the host's when a batch came, the way of the batch included. The
-- least is nearest to the truth; drift is followed slowly; more than a second is a step of a clock.
insert into hosts (host_id, name, version, lease_until, ttl, clock_ahead)
values (:host_id, :name, :version, :now + :ttl, :ttl, :ahead)
on conflict (host_id) do update
   set lease_until = max(lease_until, excluded.lease_until), ttl = excluded.ttl, name = excluded.name,
       version = excluded.version,
       clock_ahead = case when excluded.clock_ahead is null then clock_ahead
                          when excluded.clock_ahead between clock_ahead and clock_ahead + 1000000
                          then clock_ahead + (excluded.clock_ahead - clock_ahead) / 64
                          else excluded.clock_ahead end
returning coalesce(clock_ahead, 0) as ahead;

-- name: renew_lease
insert into hosts (host_id, tenant, lease_until, ttl) values (:host_id, :tenant, :now + :ttl, :ttl)
on conflict (host_id) do update set lease_until = max(lease_until, excluded.lease_until), ttl = excluded.ttl;

-- name: take
-- The last one answers: no row, somebody else's. A term below the one that the holder was :granted says that the
-- store went back: nobody who is known here now is newer than this holder, not even one who looks alive.
insert into sessions (session_id, tenant, call_id, role, phase, term, holder, host_id, opened_at)
values (:session_id, :tenant, :call_id, :role, 'orphaned', 0, zeroblob(16), :host_id, :now)
on conflict (call_id, role) do nothing;
insert into terms (session_id, term, tenant, holder, host_id, agent_identity, first_seq, taken_at, cause, gap)
select session_id, max(term + 1, :granted), tenant, :holder, :host_id, :agent_identity, last_seq + 1, :now,
       case when term < :granted then 'store_restored'
            when phase = 'orphaned' or phase = 'offered' and cause = 'released' then cause
            else 'host_lost' end,
       max(0, :now - coalesce(orphaned_at, (select lease_until from hosts h where h.host_id = sessions.host_id), :now))
from sessions
where call_id = :call_id and role = :role and tenant = :tenant and holder <> :holder
  and (term < :granted or ending is null
    and (phase = 'orphaned' or (phase = 'offered' and cause = 'released')
      or (:lost_hosts and phase in ('live', 'offered') and not exists (
            select 1 from hosts h where h.host_id = sessions.host_id and h.lease_until > :now))));
update terms set end_seq = n.first_seq - 1
from sessions s join terms n on n.session_id = s.session_id and n.term > s.term and n.holder = :holder
where s.call_id = :call_id and s.role = :role and s.tenant = :tenant
  and terms.session_id = s.session_id and terms.term = s.term and terms.end_seq is null;
update sessions
   set term = n.term, fence_seq = n.first_seq - 1, cause = n.cause, holder = n.holder, host_id = n.host_id,
       agent_identity = n.agent_identity,
       agent_name = coalesce(:agent_name, agent_name),
       phase = 'live', end_reason = null, degraded = null, orphaned_at = null, dispatches = 0,
       next_dispatch_at = null, dispatch_from = null, failures = 0, missing_since = null
from terms n
where sessions.call_id = :call_id and sessions.role = :role and sessions.tenant = :tenant
  and n.session_id = sessions.session_id and n.term > sessions.term and n.holder = :holder;
select session_id, term from sessions
where call_id = :call_id and role = :role and tenant = :tenant and holder = :holder and phase <> 'ended';

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

-- name: count_term_crashes
update terms set crashes = (select count(*) from terms t
    where t.session_id = :session_id and t.term <= :term and t.taken_at > :now - :window
                            and t.cause not in ('released', 'empty', 'server_shutdown', 'store_restored'))
where session_id = :session_id and term = :term;

-- name: get_grant
-- What was in flight belongs to the term that is open.
select t.session_id, t.term, t.first_seq - 1 as base, t.cause, t.gap, t.crashes, s.call_id, c.conversation_id,
  c.is_named,
       iif(t.term = s.term and s.phase <> 'ended', s.mark, null) as mark, s.mark_n, s.mark_at
from terms t join sessions s using (session_id) join calls c using (call_id)
where t.session_id = :session_id and t.term = :term;

-- name: get_call_of_session
select s.role, s.phase, s.agent_identity, c.call_id, c.conversation_id, c.room_name
from sessions s join calls c using (call_id)
where s.session_id = :session_id and s.tenant = :tenant;

-- name: orphan
-- Nothing is dispatched for an empty room, nor where it is not known whom to dispatch.
update sessions
   set phase = 'orphaned', cause = :cause, orphaned_at = :now, dispatches = 0, failures = 0, dispatch_from = :now,
       missing_since = null,
       next_dispatch_at = case when :cause not in ('empty', 'server_shutdown') and agent_name is not null then :now end
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

-- name: claim_orphans
-- Again after one, two, then four times :retry: a worker without a warm process needs a while, and each try costs it
-- another one.
update sessions
   set dispatches = dispatches + 1, next_dispatch_at = :now + :retry * (1 << min(dispatches, 2))
where session_id in (select session_id from sessions where next_dispatch_at <= :now and phase = 'orphaned'
    order by next_dispatch_at limit :limit)
returning session_id, term, holder, call_id, role, agent_name, agent_identity, cause, dispatches, failures,
  orphaned_at, :now > coalesce(dispatch_from, orphaned_at) + :until as is_late;

-- name: postpone
-- LiveKit did not answer: this try does not count. The pause is twice as long each time.
update sessions
   set dispatches = max(0, dispatches - 1), failures = failures + 1,
       dispatch_from = :now + min(:most, :first << min(failures, 8)),
       next_dispatch_at = :now + min(:most, :first << min(failures, 8))
where session_id = :session_id and term = :term and phase = 'orphaned' and next_dispatch_at is not null
returning next_dispatch_at - :now as pause;

-- name: note_answered
update sessions set failures = 0 where session_id = :session_id and term = :term and failures > 0;

-- name: stand_by
-- Nobody is in the room: nothing is due until people are back.
update sessions set next_dispatch_at = null, dispatches = 0
where session_id = :session_id and term = :term and phase = 'orphaned';

-- name: count_crashes
select (select count(*) from terms
        where session_id = :session_id and taken_at > :now - :window
          and cause not in ('released', 'empty', 'server_shutdown', 'store_restored'))
     + (select count(*) from sessions
         where session_id = :session_id and phase = 'orphaned'
           and cause not in ('released', 'empty', 'server_shutdown', 'store_restored')) as crashes;

-- name: end_session
-- The last one answers.
update terms set end_seq = s.last_seq from sessions s
where s.session_id = :session_id and s.term = :term and s.holder = :holder and s.phase <> 'ended'
  and terms.session_id = s.session_id and terms.term = s.term;
update sessions set phase = 'ended', end_reason = :reason, mark = null, degraded = null, next_dispatch_at = null
where session_id = :session_id and term = :term and holder = :holder and phase <> 'ended' returning last_seq;

-- name: get_session
select session_id, call_id, role, agent_name, agent_identity, phase, term, last_seq, opened_at, cause, end_reason,
  degraded, orphaned_at
from sessions where session_id = :session_id and tenant = :tenant;

-- name: list_sessions
select session_id, call_id, role, agent_name, agent_identity, phase, term, last_seq, opened_at, cause, end_reason,
  degraded, orphaned_at
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

-- name: get_mark
-- An item that came after it has the words of it.
select s.mark,
  exists (select 1 from messages m
          where m.session_id = s.session_id and m.seq > s.mark_n and m.role = 'assistant') as is_said,
  exists (select 1 from messages m
          where m.session_id = s.session_id and m.seq > s.mark_n and m.role = 'user') as is_heard
from sessions s where s.session_id = :session_id and s.mark is not null and s.mark <> x'';

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
