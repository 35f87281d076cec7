#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# long
# timeout: 900
# Eight processes create, rename, read, write and unlink in the same directories for five minutes. Each checks what it
# sees (racer.c); in the end the trees of both sides are compared.
. "$(dirname "$0")/lib.sh"

D=/srv/storm
M=/mnt/storm
RACER=/usr/lib/qtfs/tests/racer
PROCESSES=8
DURATION=300

check "the server starts" start_server || exit
S "rm -rf $D && mkdir $D"
check "mount" mount_qtfs $D $M || exit
mkdir $M/dir{0,1,2,3}

for seed in $(seq $PROCESSES); do
	"$RACER" storm $M $DURATION "$seed" >"$SCRATCH/storm$seed" 2>&1 &
done
wait
for seed in $(seq $PROCESSES); do
	is "process $seed: no wrong error" "$(grep -c 'errors 0' "$SCRATCH/storm$seed")" 1 ||
		sed 's/^/# /' "$SCRATCH/storm$seed" | tail -n 5
	echo "# $(tail -n 1 "$SCRATCH/storm$seed")"
done

list='find . -printf "%P %y%m %n %s %i %T@ %l\n" | LC_ALL=C sort; find . -type f -print0 | LC_ALL=C sort -z | xargs -0 md5sum'
(cd $M && eval "$list") >"$SCRATCH/here"
S "cd $D && $list" >"$SCRATCH/there"
check "there is something to compare" test "$(wc -l <"$SCRATCH/here")" -gt 20
check "both sides are equal" diff "$SCRATCH/here" "$SCRATCH/there"
rm -rf "${M:?}"/*
is "everything can be removed" "$(S "ls $D")" ""
check "umount" umount_qtfs $M
