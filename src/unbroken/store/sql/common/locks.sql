-- name: release_lock
delete from locks where tenant = :tenant and name = :name and holder = :holder;
