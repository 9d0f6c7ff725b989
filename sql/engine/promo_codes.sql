-- Promo codes, and who guesses at them.

create or replace function engine.code_key(p_code text)
returns text
language sql immutable
as $$ select upper(btrim(p_code, e' \t\r\n\f\v') collate "C") $$;
comment on function engine.code_key(text) is 'What a promo code is looked up by: trimmed, upper case.';

create or replace function engine.find_code(p_code text)
returns playground.promo_codes
language plpgsql volatile
as $$
declare
  v_code playground.promo_codes;
begin
  select * into v_code
  from playground.promo_codes
  where code_key = engine.code_key(p_code)
  for no key update;
  return v_code;
end $$;
comment on function engine.find_code(text) is 'A promo code, locked: of two who want the last redemption, the second sees that it is gone. All null when there is none.';

create or replace function engine.guess_subjects(p_user_id uuid, p_address text)
returns bytea[]
language sql immutable
as $$
  -- In this order everybody counts, and locks, them.
  select array_remove(array[
    sha256(convert_to('user ' || p_user_id, 'UTF8')),
    sha256(convert_to('address ' || p_address, 'UTF8'))], null)
$$;
comment on function engine.guess_subjects(uuid, text) is 'Whose guesses are counted: the person and, when it is known, the address they come from, as sha256.';

create or replace function engine.uncount_guess(p_subjects bytea[])
returns void
language plpgsql volatile
as $$
declare
  v_subject bytea;
begin
  foreach v_subject in array p_subjects loop
    delete from playground.code_attempts where subject_hash = v_subject and attempts = 1;
    update playground.code_attempts set attempts = attempts - 1 where subject_hash = v_subject;
  end loop;
end $$;
comment on function engine.uncount_guess(bytea[]) is 'A code that is there was no guess.';

create or replace function engine.count_guess(p_subjects bytea[], p_instant timestamptz)
returns integer
language plpgsql volatile
as $$
declare
  v_settings playground.platform_settings;
  v_attempts integer;
  v_starts_at timestamptz;
begin
  select * into strict v_settings from playground.platform_settings;
  for v_i in 1 .. cardinality(p_subjects) loop
    insert into playground.code_attempts as tried (subject_hash, window_starts_at, attempts)
    values (p_subjects[v_i], p_instant, 1)
    on conflict (subject_hash) do update
    set attempts = case
        when tried.window_starts_at <= excluded.window_starts_at - v_settings.code_attempt_window then 1
        -- One beyond the limit says as much as a thousand.
        else least(tried.attempts, v_settings.code_attempts) + 1
      end,
      window_starts_at = case
        when tried.window_starts_at <= excluded.window_starts_at - v_settings.code_attempt_window then excluded.window_starts_at
        else tried.window_starts_at
      end
    returning attempts, window_starts_at into v_attempts, v_starts_at;
    if v_attempts > v_settings.code_attempts then
      -- Not looked up, so no guess of the others.
      perform engine.uncount_guess(p_subjects[1:v_i - 1]);
      return greatest(1, ceil(extract(epoch from v_starts_at + v_settings.code_attempt_window - p_instant)))::integer;
    end if;
  end loop;
  return null;
end $$;
comment on function engine.count_guess(bytea[], timestamptz) is
  'Counts a code that is tried, before it is looked up, so that none of many at once slips through. Returns the seconds until the next may be tried, null when this one may.';

create or replace function engine.redeem(
  p_account playground.accounts, p_user_id uuid, p_code text,
  out refusal text, out refusal_message text, out balance bigint, out credits bigint, out code text)
language plpgsql volatile
as $$
#variable_conflict use_column
declare
  v_instant constant timestamptz := p_account.last_instant;
  v_person_hash constant bytea := (select engine.person_hash(email) from playground.users where user_id = p_user_id);
  v_code playground.promo_codes;
  v_number bigint;
begin
  v_code := engine.find_code(p_code);
  if v_code.code_key is null then
    refusal := 'SCK01';
    refusal_message := 'There is no such code.';
    return;
  end if;
  if exists (select from playground.promo_redemptions where code_key = v_code.code_key and person_hash = v_person_hash) then
    refusal := 'SCK02';
    refusal_message := 'You have redeemed this code already.';
    return;
  end if;
  if v_code.ended_at is not null or v_code.expires_at <= v_instant or v_code.redemptions >= v_code.max_redemptions then
    refusal := 'SCK03';
    refusal_message := 'This code is not valid any more.';
    return;
  end if;

  v_number := engine.add_grant(
    p_account.account_id, v_instant, v_instant, 'purchased', 'promo', v_code.credits, 'bonus', 'Promo code ' || v_code.code,
    p_expires_at => (v_instant at time zone 'UTC' + v_code.credits_expire_after) at time zone 'UTC',
    p_user_id => p_user_id, p_metadata => jsonb_build_object('code', v_code.code));
  insert into playground.promo_redemptions (code_key, person_hash, account_id, user_id, number, redeemed_at)
  values (v_code.code_key, v_person_hash, p_account.account_id, p_user_id, v_number, v_instant);
  update playground.promo_codes set redemptions = redemptions + 1 where code_key = v_code.code_key;
  credits := v_code.credits;
  code := v_code.code;
  select t.balance_after into strict balance
  from playground.transactions t
  where t.account_id = p_account.account_id and t.number = v_number;
end $$;
comment on function engine.redeem(playground.accounts, uuid, text) is
  'Redeems a code, once per person, or says why not: SCK01 unknown, SCK02 redeemed before, SCK03 over, used up or ended. Credits. The account is locked and caught up by the caller.';
