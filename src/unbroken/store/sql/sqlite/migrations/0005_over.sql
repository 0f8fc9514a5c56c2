-- Who is over and who goes on: agents that have hung up, and who chose a call's conversation.

alter table sessions add column ending text;                        -- its agent has hung up, for this reason: over as soon as the agent has left or died
alter table calls add column is_named integer not null default 0;   -- its conversation was named by the application; else only its own people continue it
alter table rooms add column is_named integer not null default 0;   -- likewise: what we put into its metadata was the application's choice
-- Calls that may be continued: an agent of theirs, if they ever had one, has not hung up. What was saved by others keeps no call.
create view going_calls as
select c.* from calls c
where c.ended_at is null
  and (not exists (select 1 from sessions s where s.call_id = c.call_id and s.agent_name is not null)
       or exists (select 1 from sessions s where s.call_id = c.call_id and s.agent_name is not null and s.phase <> 'ended' and s.ending is null));
