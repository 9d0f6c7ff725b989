-- depends: 0002_people

create table playground.packages (
  package_id uuid not null,
  name text not null,
  author_user_id uuid,
  organization_id uuid,
  is_private boolean not null default false,
  created_at timestamptz not null,
  constraint packages_pkey primary key (package_id),
  constraint packages_name_is_taken_once unique (name),
  constraint packages_private_ones_have_an_owner check (not is_private or author_user_id is not null or organization_id is not null)
);
comment on table playground.packages is 'Prompt packages. A private one is found and run only by its author or members of its organisation.';

create table playground.package_versions (
  package_id uuid not null,
  version text not null,
  version_order text[] collate "C" not null,
  is_prerelease boolean not null,
  description text not null,
  format text not null,
  subtype text not null,
  manifest jsonb not null,
  content_sha256 bytea not null,
  prompt text not null,
  prompt_octets integer not null,
  prompt_sha256 bytea not null,
  published_at timestamptz not null,
  constraint package_versions_pkey primary key (package_id, version),
  constraint package_versions_belong_to_a_package foreign key (package_id) references playground.packages,
  constraint package_versions_octets_are_counted check (prompt_octets = octet_length(prompt) and prompt_octets > 0)
);
comment on table playground.package_versions is 'One published version, with its prompt joined and measured. version_order sorts by semantic version precedence.';
create index package_versions_newest on playground.package_versions (package_id, is_prerelease, version_order desc);

create table playground.package_files (
  package_id uuid not null,
  version text not null,
  path text not null,
  position integer not null,
  content text not null,
  octets integer not null,
  constraint package_files_pkey primary key (package_id, version, path),
  constraint package_files_have_their_place unique (package_id, version, position),
  constraint package_files_belong_to_a_version foreign key (package_id, version) references playground.package_versions,
  constraint package_files_octets_are_counted check (octets = octet_length(content))
);
comment on table playground.package_files is 'The files of a version in the order in which they make the prompt, main file first.';
