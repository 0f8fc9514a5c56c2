-- Lists of conversations count their messages: from the index alone.
create index messages_4 on messages (tenant, conversation_id, role);
