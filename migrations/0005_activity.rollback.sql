drop table playground.audit_log;
drop sequence playground.audit_ids;
drop table playground.alerts;
drop table playground.answers;
drop table playground.messages;
drop table playground.sessions;
drop table playground.cost_windows;
drop table playground.usage;
