-- The service holds what is saved over REST. Its id was the public system_id, so that anybody could write as the service; now nobody is told it.
alter table store add column own_holder blob;
update store set own_holder = randomblob(16);
update sessions set holder = (select own_holder from store), host_id = (select own_holder from store)
where hex(holder) = (select upper(replace(system_id, '-', '')) from store);
update terms set holder = (select own_holder from store), host_id = (select own_holder from store)
where hex(holder) = (select upper(replace(system_id, '-', '')) from store);
delete from hosts where hex(host_id) = (select upper(replace(system_id, '-', '')) from store);
