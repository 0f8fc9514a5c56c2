-- name: put_file
insert into files (file_id, tenant, conversation_id, call_id, identity,
  name, content_type, status, bytes, sha256, created_at)
values (:file_id, :tenant, :conversation_id, :call_id, :identity,
  :name, :content_type, 'stored', :bytes, :sha256, :now);

-- name: get_file
select file_id, conversation_id, call_id, identity, name, content_type, bytes, sha256, created_at from files
where file_id = :file_id and tenant = :tenant;
