-- depends: 0001_configuration
-- Who acts. Who pays is an account (0004); a person's own account has the person's id.

create table playground.users (
  user_id uuid not null,
  account_id uuid not null,
  email text,
  username text,
  is_admin boolean not null default false,
  is_author boolean not null default false,
  is_unlimited boolean not null default false,
  throttled_at timestamptz,
  throttled_reason text,
  throttled_until timestamptz,
  created_at timestamptz not null,
  deleted_at timestamptz,
  constraint users_pkey primary key (user_id),
  constraint users_email_ends_with_the_person check ((email is null) = (deleted_at is not null)),
  constraint users_throttle_has_a_reason check ((throttled_at is null) = (throttled_reason is null)),
  constraint users_until_belongs_to_a_throttle check (throttled_until is null or throttled_at is not null)
) with (fillfactor = 90);
comment on table playground.users is 'People who act. account_id: who pays for their runs (their own account unless an organisation does). A deleted person keeps the row, without e-mail and name.';
comment on column playground.users.throttled_at is 'Since when an operator throttles this person; until throttled_until, or for good when that is null.';

create table playground.user_emails (
  email_key text not null,
  user_id uuid not null,
  constraint user_emails_pkey primary key (email_key)
);
comment on table playground.user_emails is 'Look-up: which person signs in with an e-mail address (trimmed, lower case).';

create table playground.signup_claims (
  person_hash bytea not null,
  credits bigint not null,
  claimed_at timestamptz not null,
  constraint signup_claims_pkey primary key (person_hash),
  constraint signup_claims_credits_are_not_negative check (credits >= 0)
);
comment on table playground.signup_claims is 'Look-up that survives deletion: who had signup credits. person_hash: sha256 of the normalised e-mail (trim, lower, +tag and Gmail dots dropped).';
comment on column playground.signup_claims.credits is 'Credits given at signup; 0 when the day had no more to give.';
create index signup_claims_by_time on playground.signup_claims (claimed_at);

create table playground.login_attempts (
  email_hash bytea not null,
  window_starts_at timestamptz not null,
  attempts integer not null,
  constraint login_attempts_pkey primary key (email_hash),
  constraint login_attempts_is_positive check (attempts > 0)
) with (fillfactor = 70);
comment on table playground.login_attempts is 'Sign-in attempts by e-mail (sha256), known or not, since window_starts_at. Cleared by a successful sign-in.';

create table playground.credentials (
  user_id uuid not null,
  password_hash text not null,
  changed_at timestamptz not null,
  constraint credentials_pkey primary key (user_id)
);
comment on table playground.credentials is 'Password hashes (argon2id, PHC string), made by the gateway.';

create table playground.refresh_tokens (
  user_id uuid not null,
  token_hash bytea not null,
  family_id uuid not null,
  issued_at timestamptz not null,
  expires_at timestamptz not null,
  rotated_at timestamptz,
  revoked_at timestamptz,
  constraint refresh_tokens_pkey primary key (user_id, token_hash),
  constraint refresh_tokens_hash_is_sha256 check (octet_length(token_hash) = 32)
);
comment on table playground.refresh_tokens is 'Refresh tokens (sha256), each good for one rotation; a rotated one that comes back ends its family.';
create index refresh_tokens_by_expiry on playground.refresh_tokens (expires_at);

create table playground.api_keys (
  user_id uuid not null,
  key_id uuid not null,
  secret_hash bytea not null,
  name text not null,
  hint text not null,
  created_at timestamptz not null,
  last_used_at timestamptz,
  revoked_at timestamptz,
  constraint api_keys_pkey primary key (user_id, key_id),
  constraint api_keys_secret_belongs_to_one_key unique (user_id, secret_hash),
  constraint api_keys_hash_is_sha256 check (octet_length(secret_hash) = 32)
);
comment on table playground.api_keys is 'Personal API keys (sha256 of the secret). last_used_at is kept to the hour.';

create table playground.organizations (
  organization_id uuid not null,
  name text not null,
  is_verified boolean not null default false,
  created_at timestamptz not null,
  constraint organizations_pkey primary key (organization_id),
  constraint organizations_name_is_given check (length(name) between 1 and 200)
);
comment on table playground.organizations is 'Organisations. is_verified: members are offered the organisation price.';

create table playground.organization_members (
  organization_id uuid not null,
  user_id uuid not null,
  role text not null,
  joined_at timestamptz not null,
  constraint organization_members_pkey primary key (organization_id, user_id),
  constraint organization_members_belong_to_one foreign key (organization_id) references playground.organizations,
  constraint organization_members_role_is_known check (role in ('owner', 'admin', 'member'))
);
comment on table playground.organization_members is 'Who belongs to an organisation, as owner, admin or member.';
create index organization_members_by_user on playground.organization_members (user_id);
