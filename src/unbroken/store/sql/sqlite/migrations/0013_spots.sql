-- Where a line stands must not change unseen either, nor what came late, what is kept of users, and reports. Null: as in 0009.
alter table messages add column spot integer;
alter table side_entries add column sum integer;
alter table users add column sum integer;
alter table errors add column sum integer;
