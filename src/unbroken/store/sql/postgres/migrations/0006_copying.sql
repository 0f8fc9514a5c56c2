-- It is being made as a copy of another database, and has not all of it yet: no service opens it.
alter table store add column is_copying boolean not null default false;
