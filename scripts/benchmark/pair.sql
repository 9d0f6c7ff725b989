-- One run without its model call: what the gateway sends before and after it.
\set person random(:first_person, :last_person)
\set package random(1, :packages)
select *
from api.reserve_run(
  p_user_id => md5('person ' || :person)::uuid, p_package => '@bench/package-' || :package, p_package_version => null,
  p_user_input => :question, p_model => 'sonnet', p_session_id => null, p_use_no_prompt => false, p_custom_prompt => null,
  p_temperature => null, p_api_key_hash => null, p_idempotency_key => null) \gset
select *
from api.settle_run(
  p_user_id => md5('person ' || :person)::uuid, p_hold_id => :hold_id, p_outcome => 'completed',
  p_user_input => :question, p_answer => :answer, p_input_tokens => 1500, p_output_tokens => 300,
  p_cache_read_tokens => 0, p_cache_write_tokens => 0, p_answered_model => 'claude-sonnet-4-6', p_stop_reason => 'end_turn',
  p_duration_ms => 1200, p_is_simulated => true);
