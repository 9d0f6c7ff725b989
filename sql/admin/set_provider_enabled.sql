create or replace function admin.set_provider_enabled(p_provider text, p_is_enabled boolean, p_reason text)
returns void
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_provider playground.providers;
begin
  perform engine.check_reason(p_reason);
  if p_is_enabled is null then
    perform engine.refuse('SCD02', 'Say true or false.');
  end if;
  select * into v_provider from playground.providers where provider = p_provider for no key update;
  if not found then
    perform engine.refuse('SCD04', engine.unknown_name('provider', p_provider, array(select provider from playground.providers order by provider)));
  end if;
  if v_provider.is_enabled = p_is_enabled then
    return;
  end if;
  update playground.providers
  set is_enabled = p_is_enabled
  where provider = p_provider;
  perform engine.write_audit(
    'set_provider_enabled', null, p_provider,
    jsonb_build_object('isEnabled', v_provider.is_enabled), jsonb_build_object('isEnabled', p_is_enabled), p_reason
  );
end $$;
comment on function admin.set_provider_enabled(text, boolean, text) is
  'The kill switch: false lets no new run start with any model of a provider, true lets them start again; runs under way end as usual. The same again changes nothing. SCD02 when it is not said which, SCD03 without a reason, SCD04 for an unknown provider.';
