-- name: renew_host
-- ahead: by how much the store's clock was ahead of the host's when a batch came, the way of the batch included. The
-- least is nearest to the truth; drift is followed slowly; more than a second is a step of a clock.
insert into hosts as h (host_id, name, version, lease_until, ttl, clock_ahead)
values (:host_id, :name, :version, :now + :ttl, :ttl, :ahead)
on conflict (host_id) do update
   set lease_until = greatest(h.lease_until, excluded.lease_until), ttl = excluded.ttl,
       name = excluded.name, version = excluded.version,
       clock_ahead = case when excluded.clock_ahead is null then h.clock_ahead
                          when excluded.clock_ahead between h.clock_ahead and h.clock_ahead + 1000000
                          then h.clock_ahead + (excluded.clock_ahead - h.clock_ahead) / 64
                          else excluded.clock_ahead end
returning coalesce(h.clock_ahead, 0) as ahead;

-- name: renew_lease
insert into hosts as h (host_id, tenant, lease_until, ttl) values (:host_id, :tenant, :now + :ttl, :ttl)
on conflict (host_id) do update set lease_until = greatest(h.lease_until, excluded.lease_until), ttl = excluded.ttl;

-- name: take
-- The last one answers: no row, somebody else's. A term below the one that the holder was :granted says that the
-- store went back: nobody who is known here now is newer than this holder, not even one who looks alive.
insert into sessions (session_id, tenant, call_id, role, phase, term, holder, host_id, opened_at)
values (:session_id, :tenant, :call_id, :role, 'orphaned', 0, '00000000-0000-0000-0000-000000000000', :host_id,
  :now)
on conflict (call_id, role) do nothing;
insert into terms (session_id, term, tenant, holder, host_id, agent_identity, first_seq, taken_at, cause, gap)
select session_id, greatest(term + 1, :granted), tenant, :holder, :host_id, :agent_identity, last_seq + 1, :now,
       case when term < :granted then 'store_restored'
            when phase = 'orphaned' or phase = 'offered' and cause = 'released' then cause
            else 'host_lost' end,
       greatest(0, :now - coalesce(orphaned_at,
         (select lease_until from hosts h where h.host_id = sessions.host_id), :now))
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

-- name: count_term_crashes
update terms set crashes = (select count(*) from terms t
    where t.session_id = :session_id and t.term <= :term and t.taken_at > :now - :window
                            and t.cause <> all(:no_crash::text[]))
where session_id = :session_id and term = :term;

-- name: get_grant
-- What was in flight belongs to the term that is open.
select t.session_id, t.term, t.first_seq - 1 as base, t.cause, t.gap, t.crashes, s.call_id, c.conversation_id,
  c.is_named,
       case when t.term = s.term and s.phase <> 'ended' then s.mark end as mark, s.mark_n, s.mark_at
from terms t join sessions s using (session_id) join calls c using (call_id)
where t.session_id = :session_id and t.term = :term;

-- name: claim_orphans
-- Each to one watcher, and none waits for another. Again after one, two, then four times :retry: a worker without a
-- warm process needs a while, and each try costs it another one.
update sessions
   set dispatches = dispatches + 1, next_dispatch_at = :now + :retry * (1 << least(dispatches, 2)::int)
where session_id in (select session_id from sessions where next_dispatch_at <= :now and phase = 'orphaned'
    order by next_dispatch_at limit :limit for update skip locked)
returning session_id, term, holder, call_id, role, agent_name, agent_identity, cause, dispatches, failures,
  orphaned_at, :now > coalesce(dispatch_from, orphaned_at) + :until as is_late;

-- name: postpone
-- LiveKit did not answer: this try does not count. The pause is twice as long each time.
update sessions
   set dispatches = greatest(0, dispatches - 1), failures = failures + 1,
       dispatch_from = :now + least(:most, :first::bigint << least(failures, 8)::int),
       next_dispatch_at = :now + least(:most, :first::bigint << least(failures, 8)::int)
where session_id = :session_id and term = :term and phase = 'orphaned' and next_dispatch_at is not null
returning next_dispatch_at - :now as pause;

-- name: count_crashes
select (select count(*) from terms
        where session_id = :session_id and taken_at > :now - :window
          and cause <> all(:no_loss::text[]))
     + (select count(*) from sessions
         where session_id = :session_id and phase = 'orphaned'
           and cause <> all(:no_loss::text[])) as crashes;

-- name: newest_sessions
select session_id, last_seq from sessions
where tenant = :tenant and (:before::uuid is null or session_id < :before) order by session_id desc limit :limit;

-- name: get_mark
-- An item that came after it has the words of it.
select s.mark,
  exists (select 1 from messages m
          where m.session_id = s.session_id and m.seq > s.mark_n and m.role = 'assistant') as is_said,
  exists (select 1 from messages m
          where m.session_id = s.session_id and m.seq > s.mark_n and m.role = 'user') as is_heard
from sessions s where s.session_id = :session_id and s.mark is not null and s.mark <> '';
