drop table playground.package_files;
drop table playground.package_versions;
drop table playground.packages;
