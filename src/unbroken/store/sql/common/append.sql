-- name: put_batch
insert into batch values (?, ?, ?, ?, ?, ?, ?, ?);

-- name: get_chain
select chain, last_seq from sessions where session_id = :session_id;
