-- What a flipped bit must not change unseen; null: stored by an earlier version, and not compared. The payload has its sha256.
alter table entries add column head integer;
alter table messages add column head integer;
alter table conversations add column title_sum integer;
