-- What is searched: lines, callers, and of conversations their title and user; see ../search.sql.
-- of, name: session and item of a line, call and identity of a caller, conversation and '' of itself.
create table searched (n integer primary key, conversation_id blob not null, of blob not null, name text not null,
                       unique (of, name)) strict;
-- The index alone: what a row says is read where it stands. Our words are whole tokens, whatever they are made of.
create virtual table search using fts5
  (words, content = '', tokenize = "unicode61 remove_diacritics 2 categories 'L* N* M* S* P* Co'");
insert into searched (conversation_id, of, name)
  select conversation_id, session_id, item_id from messages where role in ('user', 'assistant')
  union all
  select c.conversation_id, p.call_id, p.identity from participants p join calls c using (call_id)
  union all
  select conversation_id, conversation_id, '' from conversations;
insert into search (rowid, words)
  select d.n, indexed(cast(m.text as blob))
    from searched d join messages m on m.session_id = d.of and m.item_id = d.name
  union all
  select d.n, caller(cast(p.identity as blob), cast(p.name as blob), cast(p.attributes as blob))
    from searched d join participants p on p.call_id = d.of and p.identity = d.name
  union all
  select d.n, caller(cast(c.user_id as blob), cast(c.title as blob), null)
    from searched d join conversations c on c.conversation_id = d.of and d.name = '';
