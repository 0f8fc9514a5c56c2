-- What a takeover needs to know: how long nobody had the session, who is to be told what, and how long a host is silent before it is lost.

alter table terms add column gap integer not null default 0;        -- microseconds from the end of the term before to this one's take
alter table terms add column crashes integer not null default 0;    -- in the two minutes before it, as `take` answered
  create index terms_1 on terms (holder);
alter table hosts add column ttl integer;                           -- the length of its last lease
alter table sessions add column dispatch_from integer;              -- since when LiveKit has answered for it: giving up is counted from here
  create index sessions_4 on sessions (term) where phase = 'live' and term > 1;
-- Orders to the holder of a term, each handed over once.
create table inbox         (session_id blob not null, id blob not null, tenant integer not null, term integer not null, kind text not null, sent_at integer not null,
                            delivered_at integer, primary key (session_id, id)) strict;
  create index inbox_1 on inbox (sent_at) where delivered_at is null;
