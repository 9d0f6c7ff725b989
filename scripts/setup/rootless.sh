#!/usr/bin/env bash
# rootless.sh PREFIX [PACKAGE...]: fetches the package lists and unpacks Debian packages, with all they need, into PREFIX,
# as an ordinary user. Nothing is installed: apt works on private folders, dpkg only extracts. PREFIX/bin holds a small
# starter for each program that is meant to be called; PREFIX/library-path is where the libraries lie.
set -euo pipefail

mkdir -p -- "$1"
prefix=$(cd -P -- "$1" && pwd)
shift
say() { printf '%s\n' "$*" >&2; }

apt_private() {
  apt-get -qq -o Dir::Cache="$prefix/apt/cache" -o Dir::State="$prefix/apt/state" \
    -o Dir::State::status=/var/lib/dpkg/status -o Debug::NoLocking=1 -o APT::Sandbox::User= \
    -o Acquire::Retries=2 -o APT::Install-Recommends=false "$@"
}

mkdir -p "$prefix"/apt/{cache/archives/partial,state/lists/partial} "$prefix/bin"
log=$prefix/apt/log
fail() { tail -n 20 "$log" >&2; say "scrip: $1"; exit 1; }

if [[ -z $(find "$prefix/apt/updated" -mtime -1 2>/dev/null) ]]; then
  say "· package lists (as an ordinary user, into $prefix)"
  apt_private update >"$log" 2>&1 || fail "apt-get could not fetch the package lists"
  : >"$prefix/apt/updated"
fi
(($#)) || exit 0
rm -f "$prefix"/apt/cache/archives/*.deb
# --reinstall: a server must lie beside its extensions, so what the system has of the named packages is taken again.
apt_private -y --download-only --reinstall install "$@" >"$log" 2>&1 || fail "apt-get could not fetch: $*"
for deb in "$prefix"/apt/cache/archives/*.deb; do
  dpkg -x "$deb" "$prefix" || { say "scrip: cannot unpack $deb"; exit 1; }
done
rm -f "$prefix"/apt/cache/archives/*.deb

library_path=
for folder in "$prefix"/usr/lib/*-linux-gnu* "$prefix"/lib/*-linux-gnu*; do
  [[ -d $folder ]] && library_path+=${library_path:+:}$folder
done
printf '%s' "$library_path" >"$prefix/library-path"
for program in "$prefix"/usr/lib/postgresql/*/bin/* "$prefix/usr/bin/curl"; do
  [[ -x $program ]] || continue
  starter=$prefix/bin/${program##*/}
  printf '#!/bin/sh\nLD_LIBRARY_PATH=%q exec %q "$@"\n' "$library_path" "$program" >"$starter"
  chmod 755 "$starter"
done
