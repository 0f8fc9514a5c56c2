-- The agents that a room was opened for, as JSON; null: the usual one.
alter table rooms add column agents text;
