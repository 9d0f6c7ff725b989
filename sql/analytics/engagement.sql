create view analytics.engagement_new as
select day, present.people, in_month.people as people_of_month, called.runs,
  round(called.runs::numeric / nullif(present.people, 0), 2) as runs_per_person,
  called.credits,
  round(called.credits::numeric / nullif(present.people, 0), 2) as credits_per_person,
  round(called.credits::numeric / called.runs, 2) as credits_per_run,
  called.sessions, called.messages,
  round(called.messages::numeric / nullif(called.sessions, 0), 2) as messages_per_session,
  called.comparisons
from (
  select day, sum(runs)::bigint as runs, sum(credits)::bigint as credits, sum(comparisons)::bigint as comparisons, sum(new_sessions)::bigint as sessions,
    coalesce(2 * sum(runs) filter (where outcome in ('completed', 'client_gone', 'late')), 0)::bigint as messages
  from rollup.usage_days
  group by day
  having sum(runs) > 0
) as called
left join rollup.people_days as present using (day)
left join rollup.people_months as in_month on in_month.month = date_trunc('month', day, 'UTC');
comment on view analytics.engagement_new is 'How people use it, day by day.';
comment on column analytics.engagement_new.day is 'UTC day on which the runs were reserved.';
comment on column analytics.engagement_new.people is 'Distinct people with a model call on the day.';
comment on column analytics.engagement_new.people_of_month is 'Distinct people with a model call in the day''s UTC month, up to now.';
comment on column analytics.engagement_new.runs is 'Model calls, whatever became of them.';
comment on column analytics.engagement_new.runs_per_person is 'runs / people.';
comment on column analytics.engagement_new.credits is 'Credits charged.';
comment on column analytics.engagement_new.credits_per_person is 'Credits charged a person: credits / people.';
comment on column analytics.engagement_new.credits_per_run is 'Credits charged on average for a model call, those charged nothing included: credits / runs.';
comment on column analytics.engagement_new.sessions is 'Conversations begun.';
comment on column analytics.engagement_new.messages is 'Messages of answered calls: what was asked and what was answered, two a call.';
comment on column analytics.engagement_new.messages_per_session is 'messages / sessions of the day; above what one conversation has when older ones go on. Null when none began.';
comment on column analytics.engagement_new.comparisons is 'Calls without the package''s prompt, to compare with.';
