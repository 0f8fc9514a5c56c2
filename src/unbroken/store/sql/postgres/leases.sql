-- name: held_leases
select n.value as pool, count(l.lease_id) as held from unnest(cast(:pools as text[])) n (value)
left join leases l on l.tenant = :tenant and l.pool = n.value and l.until > :now
  and not exists (select 1 from ended_leases e where e.tenant = l.tenant and e.lease_id = l.lease_id)
group by n.value;
