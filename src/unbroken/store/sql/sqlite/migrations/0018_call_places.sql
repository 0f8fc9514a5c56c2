-- Places of calls are leases, too. call_id: whose it is; null: of a room that no agent has come to.

alter table leases add column call_id blob;
create index leases_2 on leases (call_id) where call_id is not null;
create index leases_3 on leases (until) where kind = 'call' and call_id is null;
create index leases_4 on leases (tenant, owner) where kind = 'call' and call_id is null;
