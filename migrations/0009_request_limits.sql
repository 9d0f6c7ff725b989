-- depends: 0008_limits
-- How many requests a person, and an address, may send: one count for all gateways.
--
-- Counters are new and unlogged.
-- squawk-ignore-file prefer-robust-stmts

create table playground.request_limits (
  class text not null,
  subject_kind text not null,
  requests integer,
  per interval not null,
  constraint request_limits_pkey primary key (class, subject_kind),
  constraint request_limits_count_people_or_addresses check (subject_kind in ('user', 'address')),
  constraint request_limits_let_somebody_in check (requests between 1 and 100000),
  constraint request_limits_end_within_a_day check (per between interval '1 second' and interval '1 day')
);
comment on table playground.request_limits is 'Requests of a class of routes that a person (user) or an address may send at once; used ones come back evenly, all of them within per. Runs are not counted here: runs_per_hour of a tier is their limit.';
comment on column playground.request_limits.class is 'Which routes: the word they carry in the gateway''s route table.';
comment on column playground.request_limits.requests is 'Requests; null: not limited.';
comment on column playground.request_limits.per is 'In this time as many come back as there are.';

-- Behind one address may sit a whole office: its limits are several times a person's.
insert into playground.request_limits (class, subject_kind, requests, per)
values
  ('login', 'address', 30, '5 minutes'),
  ('register', 'address', 10, '1 hour'),
  -- How often somebody may begin to buy is purchases_per_minute; this is for who asks Stripe without end.
  ('purchase', 'address', 120, '1 minute'),
  ('purchase', 'user', 30, '1 minute'),
  ('writes', 'address', 600, '1 minute'),
  ('writes', 'user', 120, '1 minute'),
  ('public_reads', 'address', 300, '1 minute');

create unlogged table playground.request_counters (
  subject bytea not null,
  class text not null,
  resets_at timestamptz not null,
  constraint request_counters_pkey primary key (subject, class)
) with (fillfactor = 70);
comment on table playground.request_counters is 'What a person or an address has used of a limit. Unlogged, so that counting waits for no disk: after a crash of the server it is empty, and everybody starts anew. A row whose time has come says nothing any more and is purged.';
comment on column playground.request_counters.subject is 'The person''s id (16 octets), or the sha256 of the address.';
comment on column playground.request_counters.resets_at is 'When all that was used is there again. Each request moves it on by per / requests of its limit.';
