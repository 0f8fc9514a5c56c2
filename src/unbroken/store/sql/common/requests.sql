-- name: begin_request
-- The last one answers: the request as it was first made under this key.
delete from requests where at < :before;
insert into requests (tenant, path, key, fingerprint, at) values (:tenant, :path, :key, :fingerprint, :now)
on conflict do nothing;
select fingerprint, status, kind, answer from requests where tenant = :tenant and path = :path and key = :key;

-- name: answer_request
update requests set status = :status, kind = :kind, answer = :answer
where tenant = :tenant and path = :path and key = :key;
