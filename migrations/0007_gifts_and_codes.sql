-- depends: 0006_money
-- Credits that people hand on or redeem, and organisations that pay.

insert into playground.plans values ('verified', 'Verified organisation', 0, 0);
insert into playground.plan_prices values ('verified', 'verified', 'free', 2000, 'usd');

alter table playground.organizations add column is_verified_by_operator boolean not null default false;
update playground.organizations set is_verified_by_operator = is_verified;
comment on column playground.organizations.is_verified is 'Members are offered the organisation price: an operator said so, or the verified plan is paid.';

create table playground.promo_codes (
  code_key text not null,
  code text not null,
  credits playground.credits not null,
  max_redemptions integer not null,
  redemptions integer not null default 0,
  expires_at timestamptz,
  credits_expire_after interval,
  created_at timestamptz not null,
  ended_at timestamptz,
  constraint promo_codes_pkey primary key (code_key),
  constraint promo_codes_credits_are_positive check (credits > 0),
  constraint promo_codes_redemptions_are_limited check (max_redemptions > 0 and redemptions between 0 and max_redemptions),
  constraint promo_codes_credits_live_a_while check (credits_expire_after > interval '0')
);
comment on table playground.promo_codes is 'Promo codes: credits for whoever types one, once per person. code_key: trimmed, upper case.';
comment on column playground.promo_codes.credits is 'Credits each redemption brings.';
comment on column playground.promo_codes.credits_expire_after is 'How long the credits live; null: they do not expire.';

create table playground.promo_redemptions (
  code_key text not null,
  person_hash bytea not null,
  account_id uuid not null,
  user_id uuid not null,
  number bigint not null,
  redeemed_at timestamptz not null,
  constraint promo_redemptions_pkey primary key (code_key, person_hash),
  constraint promo_redemptions_are_of_a_code foreign key (code_key) references playground.promo_codes
);
comment on table playground.promo_redemptions is 'Look-up that survives deletion: who redeemed what. person_hash as in signup_claims.';

create table playground.code_attempts (
  subject_hash bytea not null,
  window_starts_at timestamptz not null,
  attempts integer not null,
  constraint code_attempts_pkey primary key (subject_hash),
  constraint code_attempts_is_positive check (attempts > 0)
) with (fillfactor = 70);
comment on table playground.code_attempts is 'Wrong promo codes tried by a person or from an address (sha256) since window_starts_at.';

create table playground.gifts (
  account_id uuid not null,
  gift_id uuid not null,
  user_id uuid not null,
  to_account_id uuid,
  to_user_id uuid,
  to_email text,
  to_email_hash bytea not null,
  credits playground.credits not null,
  message text,
  state text not null,
  sent_at timestamptz not null,
  expires_at timestamptz,
  ended_at timestamptz,
  constraint gifts_pkey primary key (account_id, gift_id),
  constraint gifts_belong_to_an_account foreign key (account_id) references playground.accounts,
  constraint gifts_credits_are_positive check (credits > 0),
  constraint gifts_state_is_known check (state in ('sent', 'waiting', 'arrived', 'returning', 'returned', 'revoked')),
  constraint gifts_end_once check ((state in ('arrived', 'returned', 'revoked')) = (ended_at is not null)),
  constraint gifts_arrive_at_an_account check (state <> 'arrived' or to_account_id is not null)
);
create index gifts_under_way on playground.gifts (state, expires_at) where ended_at is null;
create index gifts_by_time on playground.gifts (account_id, sent_at);
comment on table playground.gifts is 'Credits given away: they leave the sender''s account in one transaction and arrive in another; between the two this row has them. waiting: for somebody to register with that address.';
comment on column playground.gifts.credits is 'Credits that left the sender''s account.';

create table playground.gift_parts (
  account_id uuid not null,
  gift_id uuid not null,
  position integer not null,
  payment_intent_id text not null,
  purchase_id uuid not null,
  grant_id bigint not null,
  credits playground.credits not null,
  to_grant_id bigint,
  wanted playground.credits not null default 0,
  taken playground.credits not null default 0,
  is_used_up boolean not null default false,
  suspend_wanted playground.credits not null default 0,
  step text,
  constraint gift_parts_pkey primary key (account_id, gift_id, position),
  constraint gift_parts_belong_to_a_gift foreign key (account_id, gift_id) references playground.gifts,
  constraint gift_parts_come_from_a_grant foreign key (account_id, grant_id) references playground.grants,
  constraint gift_parts_are_positive check (credits > 0),
  constraint gift_parts_give_up_at_most_themselves check (wanted <= credits and taken <= credits and suspend_wanted <= credits),
  constraint gift_parts_step_is_known check (step in ('receiver', 'sender'))
);
create index gift_parts_with_a_step on playground.gift_parts (account_id, gift_id) where step is not null;
create index gift_parts_by_payment on playground.gift_parts (account_id, payment_intent_id);
comment on table playground.gift_parts is 'Which bought credits a gift is made of. wanted: what the purchase''s refunds and disputes ask back in all; taken: what the receiver''s side gave; step: whose account is to be touched next.';
comment on column playground.gift_parts.credits is 'Credits of this grant in the gift.';
comment on column playground.gift_parts.suspend_wanted is 'Credits that an open dispute suspends at the receiver''s.';

create table playground.waiting_gifts (
  email_hash bytea not null,
  account_id uuid not null,
  gift_id uuid not null,
  constraint waiting_gifts_pkey primary key (email_hash, account_id, gift_id)
);
comment on table playground.waiting_gifts is 'Look-up: gifts that wait for an address (sha256 of the trimmed, lower-case e-mail) to be registered.';
