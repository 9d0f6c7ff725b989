create or replace function engine.tokens_of(p_octets bigint, p_octets_per_token numeric, p_factor numeric)
returns bigint
language sql immutable
as $$ select ceil(p_octets / p_octets_per_token * p_factor)::bigint $$;
comment on function engine.tokens_of(bigint, numeric, numeric) is 'Tokens estimated for so many octets of UTF-8: ceil(octets / octets per token x safety factor).';

create or replace function engine.estimate_tokens(p_octets bigint)
returns bigint
language plpgsql stable
as $$
begin
  return (
    select engine.tokens_of(p_octets, octets_per_token, token_estimate_factor) from playground.platform_settings);
end $$;
comment on function engine.estimate_tokens(bigint) is 'Tokens estimated for so many octets of UTF-8 at the platform''s settings.';

create or replace function engine.credits_for(p_tokens bigint, p_multiplier numeric, p_tokens_per_credit integer)
returns bigint
language sql immutable
as $$ select greatest(1, ceil((p_tokens + p_tokens_per_credit - 1) / p_tokens_per_credit * p_multiplier))::bigint $$;
comment on function engine.credits_for(bigint, numeric, integer) is
  'Credits for so many tokens: max(1, ceil(ceil(tokens / tokens per credit) x multiplier)). Tokens are not negative.';

create or replace function engine.cost_of(
  p_input bigint, p_output bigint, p_cache_read bigint, p_cache_write bigint,
  p_input_price numeric, p_output_price numeric, p_cache_read_price numeric, p_cache_write_price numeric)
returns numeric
language sql immutable
as $$
  select (p_input * p_input_price + p_output * p_output_price + p_cache_read * p_cache_read_price + p_cache_write * p_cache_write_price)
    / 1000000::numeric(20, 12)
$$;
comment on function engine.cost_of(bigint, bigint, bigint, bigint, numeric, numeric, numeric, numeric) is
  'API cost in US dollars, exact: tokens of each class times their price in US dollars per million.';

create or replace function engine.output_cap(
  p_available bigint, p_multiplier numeric, p_tokens_per_credit integer, p_input_tokens bigint, p_max_output_tokens integer)
returns bigint
language sql immutable
as $$ select least(p_max_output_tokens, floor(p_available / p_multiplier) * p_tokens_per_credit - p_input_tokens)::bigint $$;
comment on function engine.output_cap(bigint, numeric, integer, bigint, integer) is
  'Largest answer, in tokens, that the available credits can pay for beside the input; may be negative.';
