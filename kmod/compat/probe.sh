#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# probe.sh KDIR BUILD [kbuild argument...]: finds out which interfaces a kernel
# has, and writes BUILD/compat/autoconf.h.
#
# Each probes/<name>.c is a few lines that compile only where the interface has
# the form which the file's comment names; then QTFS_HAVE_<NAME> is defined.
# All are compiled by one run of kbuild, with the kernel's own flags. Results
# are kept until the kernel, the compiler or a probe changes. The compiler's
# words about each probe are in BUILD/compat/probe.log.

set -eu

kdir=$1
build=$2
shift 2

probes=$(cd "$(dirname "$0")" && pwd)/probes
work=$build/compat
release=$(sed -n 's/.*UTS_RELEASE "\(.*\)"/\1/p' "$kdir/include/generated/utsrelease.h")

key=$(
	{
		printf '%s\n' "$kdir" "$release" "$*"
		cat "$0" "$kdir/include/config/auto.conf" "$probes"/*
	} | sha256sum
)
key=${key%% *}
if test -e "$work/autoconf.h" && test "$(cat "$work/key" 2>/dev/null)" = "$key"; then
	exit 0
fi

rm -rf "$work/probes" "$work/key"
mkdir -p "$work/probes"
ln -s "$probes"/* "$work/probes/"

start=$(date +%s)
env -u MAKEFLAGS -u MAKELEVEL make -k -j"$(nproc)" --no-print-directory -C "$kdir" M="$work/probes" "$@" \
	>"$work/probe.log" 2>&1 </dev/null || :

if ! test -e "$work/probes/sanity.ok"; then
	cat "$work/probe.log" >&2
	echo "qtfs: nothing compiles against $kdir: see the compiler's words above" >&2
	exit 1
fi

{
	echo "/* SPDX-License-Identifier: GPL-2.0 */"
	echo "/* Written by compat/probe.sh for $release: do not edit. */"
	for probe in "$probes"/*.c; do
		name=$(basename "$probe" .c)
		macro=QTFS_HAVE_$(echo "$name" | tr '[:lower:]' '[:upper:]')
		if test "$name" = sanity; then
			:
		elif test -e "$work/probes/$name.ok"; then
			echo "#define $macro 1"
		else
			echo "/* #undef $macro */"
		fi
	done
} >"$work/autoconf.new"

# Keep the time stamp where nothing changed: every object depends on this file.
if cmp -s "$work/autoconf.new" "$work/autoconf.h"; then
	rm "$work/autoconf.new"
else
	mv "$work/autoconf.new" "$work/autoconf.h"
fi
echo "$key" >"$work/key"
echo "  PROBE   $release: $(grep -c '^#define' "$work/autoconf.h") of" \
	"$(grep -c QTFS_HAVE "$work/autoconf.h") features ($(($(date +%s) - start)) s)"
