-- Requests with an Idempotency-Key, and what was answered; status null: not yet, or it is not to be told again.
create table requests (tenant integer not null, path text not null, key text not null, fingerprint blob not null, at integer not null,
                       status integer, kind text, answer blob, primary key (tenant, path, key)) strict;
  create index requests_1 on requests (at);
