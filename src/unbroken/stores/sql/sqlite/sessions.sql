-- name: renew_host
insert into hosts (host_id, name, version, lease_until) values (:host_id, :name, :version, :now + :ttl)
on conflict (host_id) do update set lease_until = max(lease_until, excluded.lease_until), name = excluded.name, version = excluded.version;

-- name: bound_leases
-- A clock that was set back must not keep a dead host alive.
update hosts set lease_until = :now + :ttl where lease_until > :now + :ttl;

-- name: take
-- The last one answers: no row, somebody else's.
insert into hosts (host_id, tenant, lease_until) values (:host_id, :tenant, :now + :ttl)
on conflict (host_id) do update set lease_until = max(lease_until, excluded.lease_until);
insert into sessions (session_id, tenant, call_id, role, phase, term, holder, host_id, opened_at)
values (:session_id, :tenant, :call_id, :role, 'orphaned', 0, zeroblob(16), :host_id, :now) on conflict (call_id, role) do nothing;
update sessions
   set term = term + (holder <> :holder),
       fence_seq = case when holder <> :holder then last_seq else fence_seq end,
       cause = case when holder = :holder or phase = 'orphaned' or (phase = 'offered' and cause = 'released') then cause else 'host_lost' end,
       holder = :holder, host_id = :host_id, agent_identity = :agent_identity, agent_name = coalesce(:agent_name, agent_name),
       phase = 'live', orphaned_at = null, dispatches = 0, next_dispatch_at = null
 where call_id = :call_id and role = :role and tenant = :tenant
   and (phase = 'orphaned' or (phase <> 'ended' and holder = :holder)
     or (phase = 'offered' and cause = 'released')
     or (:lost_hosts and phase in ('live', 'offered') and not exists (
           select 1 from hosts h where h.host_id = sessions.host_id and h.lease_until > :now)));
update terms set end_seq = s.fence_seq from sessions s
where s.call_id = :call_id and s.role = :role and s.tenant = :tenant and s.holder = :holder and s.phase = 'live'
  and terms.session_id = s.session_id and terms.term = s.term - 1 and terms.end_seq is null;
insert into terms (session_id, term, tenant, holder, host_id, agent_identity, first_seq, taken_at, cause)
select session_id, term, tenant, holder, host_id, agent_identity, fence_seq + 1, :now, cause from sessions
where call_id = :call_id and role = :role and tenant = :tenant and holder = :holder and phase = 'live' on conflict do nothing;
select session_id, term, fence_seq, term = 1 as is_new, cause, mark, mark_n, mark_at from sessions
where call_id = :call_id and role = :role and tenant = :tenant and holder = :holder and phase = 'live';

-- name: orphan
update sessions set phase = 'orphaned', cause = :cause, orphaned_at = :now, dispatches = 0,
       next_dispatch_at = case when :cause not in ('empty', 'server_shutdown') then :now end
where session_id = :session_id and term = :term and holder = :holder and phase in ('live', 'offered') returning session_id;

-- name: rejoined
update sessions set orphaned_at = :now, dispatches = 0, next_dispatch_at = :now
where session_id = :session_id and term = :term and phase = 'orphaned' returning session_id;

-- name: claim_orphans
update sessions
   set dispatches = dispatches + 1, next_dispatch_at = case when :now + :retry <= orphaned_at + :until then :now + :retry end
where session_id in (select session_id from sessions where next_dispatch_at <= :now and phase = 'orphaned' order by next_dispatch_at limit :limit)
returning session_id, tenant, call_id, role, agent_name, agent_identity, term, cause, dispatches, next_dispatch_at;

-- name: count_crashes
select (select count(*) from terms where session_id = :session_id and taken_at > :now - :window and cause not in ('released', 'empty', 'server_shutdown'))
     + (select count(*) from sessions where session_id = :session_id and phase = 'orphaned' and cause not in ('released', 'empty', 'server_shutdown')) as crashes;

-- name: hand_over
update sessions set phase = :phase, cause = :cause where session_id = :session_id and term = :term and holder = :holder and phase in ('live', 'offered') returning phase;

-- name: end_session
-- The last one answers.
update terms set end_seq = s.last_seq from sessions s
where s.session_id = :session_id and s.term = :term and s.holder = :holder and s.phase <> 'ended' and terms.session_id = s.session_id and terms.term = s.term;
update sessions set phase = 'ended', end_reason = :reason, mark = null, next_dispatch_at = null
where session_id = :session_id and term = :term and holder = :holder and phase <> 'ended' returning last_seq;

-- name: list_abandoned
-- Orphaned and not taken for long.
select s.session_id, s.term, s.holder, s.cause, s.orphaned_at, c.room_name from sessions s join calls c using (call_id)
where s.phase = 'orphaned' and s.orphaned_at <= :before order by s.orphaned_at limit :limit;

-- name: list_lost
-- Live on a host that has been silent for long; not the service's own, which hold what was saved over REST.
select s.session_id, s.term, s.holder from sessions s left join hosts h on h.host_id = s.host_id
where s.phase in ('live', 'offered') and s.host_id <> :own_host and coalesce(h.lease_until, 0) <= :before limit :limit;

-- name: list_idle
-- The service's own sessions, when they are the last ones of a call in which nothing was said for long.
select s.session_id, s.term, s.holder from sessions s join calls c using (call_id) join conversations v using (conversation_id)
where s.host_id = :own_host and s.phase in ('live', 'offered') and v.last_at <= :before
  and not exists (select 1 from sessions o where o.call_id = s.call_id and o.host_id <> :own_host and o.phase <> 'ended') limit :limit;

-- name: get_session
select session_id, call_id, role, agent_name, agent_identity, phase, term, last_seq, opened_at, cause, end_reason
from sessions where session_id = :session_id and tenant = :tenant;

-- name: list_sessions
select session_id, call_id, role, agent_name, agent_identity, phase, term, last_seq, opened_at, cause, end_reason
from sessions where call_id = :call_id order by session_id;

-- name: get_holder
select s.term, s.holder, s.call_id, c.conversation_id from sessions s join calls c using (call_id) where s.session_id = :session_id;
