-- name: put_batch
insert into batch values (?, ?, ?, ?, ?, ?, ?, ?);

-- name: get_chain
select chain, last_seq from sessions where session_id = :session_id;

-- name: put_lost
-- In front of the first entry of a term.
insert into entries (session_id, seq, tenant, term, kind, flags, at, payload, sha256, head)
values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?);

-- name: begin_behind
-- The term :term begins behind :seq, and the log has :chain up to there.
update terms set first_seq = :seq + 1 where session_id = :session_id and term = :term;
update sessions set last_seq = :seq, fence_seq = :seq, chain = :chain where session_id = :session_id;
