-- The watchers' rounds: how many there were, when the next one is due, and when LiveKit last did not answer in one.
alter table store add column round integer not null default 0;
alter table store add column round_due_at integer not null default 0;
alter table store add column away_at integer;
