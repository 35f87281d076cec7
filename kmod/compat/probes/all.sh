#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# all.sh FOLDER COMPILER [OPTION...]: makes FOLDER/<name>.ok for each probe in
# FOLDER that compiles.
#
# The kernel's headers take a hundred times longer than a probe, so all probes are
# one program: what they include comes first, once. A probe that has an error is
# left out and the rest compiled again, until there is none: the compiler tells of
# an unknown function only where it meets it first. A probe whose header isn't
# there has an error, too. Where something else than a probe has one, each probe
# is compiled by itself.

set -eu

folder=$1
shift
names=$(cd "$folder" && ls ./*.c | sed 's|^\./\(.*\)\.c$|\1|')

# The program of the probes that are named. Each has its identifiers for itself.
# Headers of trace/ are macros, which mean something at one place only.
program() # name...
{
	for name in "$@"; do
		sed -n '/<trace\/s/d; s/^#include \(<.*>\)$/\1/p' "$folder/$name.c"
	done | awk '!seen[$0]++ { print "#if __has_include(" $0 ")\n#include " $0 "\n#endif" }'
	for name in "$@"; do
		printf '#line 1 "%s/%s.c"\n' "$folder" "$name"
		sed "s/\\<probe\\(_[a-z]*\\)\\{0,1\\}\\>/${name}_&/g
			/<trace\\/s/b
			s/^#include \\(<.*>\\)\$/#if !__has_include(\\1)\\n#error \\1 is not there\\n#endif/" \
			"$folder/$name.c"
	done
}

each()
{
	for name in $names; do
		if "$@" "$folder/$name.c"; then
			touch "$folder/$name.ok"
		fi
	done
	exit 0
}

test "${QTFS_PROBES-}" != each || each "$@"

left=$names
while test -n "$left"; do
	# shellcheck disable=SC2086 # they are words
	program $left >"$folder/all.probes"
	status=0
	LC_ALL=C "$@" -x c "$folder/all.probes" >"$folder/said" 2>&1 || status=$?
	cat "$folder/said"
	test "$status" -ne 0 || break
	wrong=$(sed -n "s|^$folder/\\([a-z0-9_]*\\)\\.c:[0-9:]* \\(fatal \\)\\{0,1\\}error: .*|\\1|p" \
		"$folder/said" | sort -u)
	others=$(grep -v "^$folder/[a-z0-9_]*\\.c:" "$folder/said" | grep -c ' error: ' || :)
	if test -z "$wrong" || test "$others" -ne 0; then
		each "$@"
	fi
	left=$(printf '%s\n' "$left" | grep -vxF "$wrong" || :)
done
for name in $left; do
	touch "$folder/$name.ok"
done
