drop table playground.request_counters;
drop table playground.request_limits;
