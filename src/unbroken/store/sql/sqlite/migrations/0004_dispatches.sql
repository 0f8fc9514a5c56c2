-- What the application's dispatch said, for every successor; and rooms that wait for their first agent.

alter table sessions add column said_metadata text;                 -- null: it is not known, or was too long to be kept
alter table sessions add column said_attributes text;               -- a JSON object of texts
  create index sessions_5 on sessions (agent_name, opened_at);      -- which names were seen
-- One row while an agent that was asked for has not come. asked_at: the last dispatch; since: its people wait, as far as was seen.
create table waiting       (room_id blob primary key, tenant integer not null, agent_name text not null, opened_at integer not null, due_at integer not null,
                            looks integer not null default 0, asked_at integer, tries integer not null default 0, since integer,
                            is_coming integer not null default 0) strict;
  create index waiting_1 on waiting (due_at);
-- Waiting rooms for which an agent has taken a session, in a call that is open or began since: not what no job wrote, as what was saved over REST.
create view taken_rooms as
select w.room_id from waiting w join rooms r using (room_id)
join calls c on c.tenant = r.tenant and c.room_name = r.name and (c.ended_at is null or c.started_at >= w.opened_at)
  and (c.conversation_id = r.conversation_id
       or exists (select 1 from call_rooms x where x.tenant = r.tenant and x.room_sid = r.sid and x.call_id = c.call_id))
join sessions s on s.call_id = c.call_id and s.agent_name is not null and s.term > 0;
