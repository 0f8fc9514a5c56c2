-- What is wrong on the host of a session's holder, in words; null: nothing, as far as it said.
alter table sessions add column degraded text;
