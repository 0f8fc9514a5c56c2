-- name: stage
-- Once per connection, temp_store = memory; `append` reads the host batch from these.
create temp table input (
  k integer primary key, session_id blob not null, term integer not null, holder blob not null,
  mark blob, mark_n integer, mark_at integer);
create temp table batch (
  k integer not null, seq integer not null, kind text not null, flags integer not null, at integer not null,
  payload blob, sha256 blob not null, head integer not null, primary key (k, seq)) without rowid;
create temp table answer (
  k integer primary key, session_id blob not null, outcome text not null, seq integer not null,
  last_seq integer not null, degraded text, is_lost integer, call_id blob, is_full integer not null default 0);

-- name: put_input
insert into input values (?, ?, ?, ?, ?, ?, ?);

-- name: append
-- The last one answers, unordered. chain() is an aggregate that the store registers. Term 0 was never granted: all of
-- it goes to the side lane, which takes no more when it is full.
insert into answer (k, session_id, outcome, seq, last_seq, degraded, is_lost, call_id)
select i.k, i.session_id,
       case when s.session_id is null then 'unknown'
            when i.term = 0 then 'fenced'
            when i.term = s.term and i.holder = s.holder and s.phase <> 'ended'
            then iif((b.n is null or (b.low <= s.last_seq + 1 and b.n = b.high - b.low + 1))
                     and not exists (select 1 from input e
                                     where e.session_id = i.session_id and e.holder = i.holder and e.k < i.k),
                     'acked', 'gap')
            when o.holder is not i.holder or o.end_seq is null then 'unknown'
            when i.term = s.term then 'ended' else 'fenced' end,
       iif(i.term = 0, 0, coalesce(o.end_seq, s.last_seq, 0)), coalesce(s.last_seq, 0),
       s.degraded, s.phase = 'orphaned', s.call_id
from input i
left join sessions s on s.session_id = i.session_id and s.tenant = :tenant
left join terms o on o.session_id = s.session_id and o.term = i.term
left join (select k, min(seq) as low, max(seq) as high, count(*) as n from batch group by k) b on b.k = i.k;
update answer set seq = max(seq, coalesce((select max(seq) from batch b where b.k = answer.k), 0))
where outcome = 'acked';
insert into entries (session_id, seq, tenant, term, kind, flags, at, payload, sha256, head)
select i.session_id, b.seq, :tenant, i.term, b.kind, b.flags, b.at, b.payload, b.sha256, b.head
from answer a join input i using (k) join batch b using (k) where a.outcome = 'acked' and b.seq > a.last_seq;
update sessions
   set last_seq = a.seq,
       chain = coalesce((select chain(sessions.chain, sha256)
                         from (select sha256 from batch b where b.k = a.k and b.seq > a.last_seq order by b.seq)),
                        sessions.chain)
from answer a where sessions.session_id = a.session_id and a.outcome = 'acked' and a.seq > a.last_seq;
update sessions set mark = i.mark, mark_n = i.mark_n, mark_at = i.mark_at
from answer a join input i using (k)
where sessions.session_id = a.session_id and a.outcome = 'acked' and i.mark is not null and i.mark_n <= a.seq
 and (sessions.mark_n is null or (i.mark_n, i.mark_at) > (sessions.mark_n, sessions.mark_at));
update answer set is_full = (select count(*) >= :side_max or coalesce(sum(length(e.payload)), 0) >= :side_bytes_max
                             from side_entries e where e.session_id = answer.session_id)
where outcome in ('fenced', 'ended');
insert into side_entries (session_id, term, holder, seq, tenant, reason, kind, flags, at, payload, received_at, sum)
select x.*,
  row_sum(term, holder, seq, cast(reason as blob), cast(kind as blob), flags, at, sha256(payload), received_at)
from (select i.session_id, i.term, i.holder, b.seq, :tenant,
             case when i.term = 0 then 'unowned' when a.outcome = 'ended' then 'ended' else 'late' end as reason,
             b.kind, b.flags, b.at, b.payload, :now as received_at
      from answer a join input i using (k) join batch b using (k)
      where a.outcome in ('fenced', 'ended') and b.seq > a.seq and not a.is_full) x
where true on conflict do nothing;
delete from input;
delete from batch;
delete from answer returning k, session_id, outcome, seq, last_seq, degraded, is_lost, call_id,
  (select c.conversation_id from calls c where c.call_id = answer.call_id) as conversation_id;

-- name: list_entries
-- is_whole: it has a payload, or had one; the sums are compared by who reads it.
select seq, term, kind, at, flags, payload, sha256, payload is not null or erased_at is not null as is_whole, head
from entries
where session_id = :session_id and seq > :after and seq <= :upto order by seq limit :limit;

-- name: list_side_entries
select term, holder, seq, reason, kind, flags, at, payload, received_at,
  sum is null or sum = row_sum(term, holder, seq, cast(reason as blob), cast(kind as blob), flags, at,
    sha256(payload), received_at) as is_whole
from side_entries
where session_id = :session_id and (term, holder, seq) > (:after_term, :after_holder, :after_seq)
order by term, holder, seq limit :limit;
