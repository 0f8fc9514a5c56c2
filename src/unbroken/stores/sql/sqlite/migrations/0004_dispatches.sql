-- What the application's dispatch said, for every successor; and rooms that wait for their first agent.

alter table sessions add column said_metadata text;                 -- null: it is not known, or was too long to be kept
alter table sessions add column said_attributes text;               -- a JSON object of texts
  create index sessions_5 on sessions (agent_name, opened_at);      -- which names were seen
-- One row while an agent that was asked for has not come. asked_at: the last dispatch; since: its people wait, as far as was seen.
create table waiting       (room_id blob primary key, tenant integer not null, agent_name text not null, opened_at integer not null, due_at integer not null,
                            looks integer not null default 0, asked_at integer, tries integer not null default 0, since integer,
                            is_coming integer not null default 0) strict;
  create index waiting_1 on waiting (due_at);
