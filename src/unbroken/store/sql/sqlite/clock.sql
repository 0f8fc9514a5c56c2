-- name: shift_times
-- The wall clock was set by :step: what waits or holds waits and holds for as long as it would have. History keeps
-- its times, but for the hour that is still looked at.
update hosts set lease_until = lease_until + :step;
update sessions set orphaned_at = orphaned_at + :step, dispatch_from = dispatch_from + :step,
  next_dispatch_at = next_dispatch_at + :step,
  missing_since = missing_since + :step
where phase <> 'ended';
update terms set taken_at = taken_at + :step where taken_at > :now - :step - 3600000000;
update rooms set closed_at = closed_at + :step
where closed_at is not null and exists (select 1 from calls c
    where c.tenant = rooms.tenant and c.room_name = rooms.name and c.ended_at is null);
update calls set started_at = started_at + :step where ended_at is null;
update inbox set sent_at = sent_at + :step where delivered_at is null;
update conversations set last_at = last_at + :step
where conversation_id in (select conversation_id from calls where ended_at is null);
update conversations set last_at = :now where tenant = :tenant and last_at > :now;
update messages set heard_at = heard_at + :step,
  spot = iif(spot = row_sum(session_id, conversation_id, seq, place, heard_at),
             row_sum(session_id, conversation_id, seq, place, heard_at + :step), spot)
where conversation_id in (select conversation_id from calls where ended_at is null);
update locks set until = until + :step;
update leases set until = until + :step, granted_at = granted_at + :step;
update admissions set until = until + :step;
update waiting set opened_at = opened_at + :step, due_at = due_at + :step, asked_at = asked_at + :step,
  since = since + :step;
update store set round_due_at = round_due_at + :step, away_at = away_at + :step;

-- name: bound_times
-- At an opening nobody knows how the clock was set meanwhile: nothing that waits or holds may lie further ahead than
-- it could by itself.
update hosts set lease_until = :now + :most where lease_until > :now + :most;
update sessions set orphaned_at = min(orphaned_at, :now), dispatch_from = min(dispatch_from, :now + :most),
  next_dispatch_at = min(next_dispatch_at, :now + :most),
  missing_since = min(missing_since, :now)
where phase <> 'ended';
update terms set taken_at = :now where taken_at > :now;
update inbox set delivered_at = :now where delivered_at is null and sent_at > :now;
update conversations set last_at = :now where tenant = :tenant and last_at > :now;
update locks set until = :now where until > :now;
update leases set until = min(until, :now + ttl), granted_at = min(granted_at, :now);
update admissions set until = min(until, :now + per);
update waiting set opened_at = min(opened_at, :now), due_at = min(due_at, :now + :most),
  asked_at = min(asked_at, :now), since = min(since, :now);
update store set round_due_at = min(round_due_at, :now), away_at = min(away_at, :now);
