-- name: stage_index
-- What a transaction changes is gathered here, and indexed at once at its end: FTS5 writes a segment for each
-- statement.
create temp table unindexed (n integer primary key, conversation_id blob, of blob not null, name text not null,
                             was text, now text) strict;

-- name: keep_index
-- For the connection that writes: `indexed` and `caller` are functions of ours, which nobody else has.
create temp trigger search_line after insert on messages when new.role in ('user', 'assistant') begin
  insert into unindexed (conversation_id, of, name, now)
  values (new.conversation_id, new.session_id, new.item_id, indexed(cast(new.text as blob)));
end;
create temp trigger search_line_changed after update of text on messages
  when old.text is not new.text and new.role in ('user', 'assistant') begin
  insert into unindexed (conversation_id, of, name, was, now) values (new.conversation_id, new.session_id, new.item_id,
    indexed(cast(old.text as blob)), indexed(cast(new.text as blob)));
end;
create temp trigger search_line_removed after delete on messages when old.role in ('user', 'assistant') begin
  insert into unindexed (of, name, was) values (old.session_id, old.item_id, indexed(cast(old.text as blob)));
end;
create temp trigger search_caller after insert on participants begin
  insert into unindexed (conversation_id, of, name, now)
  select conversation_id, call_id, new.identity,
    caller(cast(new.identity as blob), cast(new.name as blob), cast(new.attributes as blob))
  from calls where call_id = new.call_id;
end;
create temp trigger search_caller_changed after update of name, attributes on participants
  when old.name is not new.name or old.attributes is not new.attributes begin
  insert into unindexed (conversation_id, of, name, was, now)
  select conversation_id, call_id, new.identity,
    caller(cast(old.identity as blob), cast(old.name as blob), cast(old.attributes as blob)),
    caller(cast(new.identity as blob), cast(new.name as blob), cast(new.attributes as blob))
  from calls where call_id = new.call_id;
end;
create temp trigger search_conversation after insert on conversations begin
  insert into unindexed (conversation_id, of, name, now) values (new.conversation_id, new.conversation_id, '',
    caller(cast(new.user_id as blob), cast(new.title as blob), null));
end;
create temp trigger search_conversation_changed after update of user_id, title on conversations
  when old.user_id is not new.user_id or old.title is not new.title begin
  insert into unindexed (conversation_id, of, name, was, now) values (new.conversation_id, new.conversation_id, '',
    caller(cast(old.user_id as blob), cast(old.title as blob), null),
    caller(cast(new.user_id as blob), cast(new.title as blob), null));
end;

-- name: is_unindexed
select 1 from unindexed limit 1;

-- name: index_changes
-- Of what changed several times: what it was first, and what it is now.
insert into search (search, rowid, words)
  select 'delete', d.n, u.was from unindexed u join searched d using (of, name)
  where u.was is not null and u.n in (select min(n) from unindexed group by of, name);
delete from searched where n in (
  select d.n from unindexed u join searched d using (of, name)
  where u.now is null and u.n in (select max(n) from unindexed group by of, name));
insert or ignore into searched (conversation_id, of, name)
  select conversation_id, of, name from unindexed
  where now is not null and n in (select max(n) from unindexed group by of, name);
insert into search (rowid, words)
  select d.n, u.now from unindexed u join searched d using (of, name)
  where u.now is not null and u.n in (select max(n) from unindexed group by of, name);
delete from unindexed;

-- name: index_anew
-- It was damaged, perhaps so far that it cannot even be dropped: all of it again, from the rows that it is about.
pragma writable_schema = on;
delete from sqlite_schema where name = 'search';
pragma writable_schema = reset;
drop table if exists search_data;
drop table if exists search_idx;
drop table if exists search_docsize;
drop table if exists search_config;
create virtual table if not exists search using fts5
  (words, content = '', tokenize = "unicode61 remove_diacritics 2 categories 'L* N* M* S* P* Co'");
insert into search (rowid, words)
  select d.n, indexed(cast(m.text as blob))
    from searched d join messages m on m.session_id = d.of and m.item_id = d.name
  union all
  select d.n, caller(cast(p.identity as blob), cast(p.name as blob), cast(p.attributes as blob))
    from searched d join participants p on p.call_id = d.of and p.identity = d.name
  union all
  select d.n, caller(cast(c.user_id as blob), cast(c.title as blob), null)
    from searched d join conversations c on c.conversation_id = d.of and d.name = '';

-- name: ask_index
-- Nothing but the index: whether it can be read.
select count(f.rowid) as count from json_each(:terms) t join search f on f.words match t.value;

-- name: found_lines
-- Of each conversation the line that has the most terms, of those the newest.
with found as (
  select d.n, d.conversation_id, d.of, d.name, count(*) as terms
  from json_each(:terms) t join search f on f.words match t.value join searched d on d.n = f.rowid
  where hex(d.conversation_id) in (select value from json_each(:ids)) group by d.n),
best as (
  select m.*, row_number() over (partition by m.conversation_id order by f.terms desc, f.n desc) as rank
  from found f join lines m on m.session_id = f.of and m.item_id = f.name)
select conversation_id, item_id, role, text, is_damaged or is_misplaced as is_damaged from best where rank = 1;
