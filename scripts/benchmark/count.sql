-- One counted request: of one of the people, at one of the addresses.
\set person random(1, :people)
\set address random(1, :addresses)
select *
from api.count_request(
  p_user_id => md5('person ' || :person)::uuid, p_class => 'writes', p_address => '192.0.2.' || :address);
