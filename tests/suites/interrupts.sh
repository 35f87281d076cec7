#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# timeout: 180
# A program whose timer goes off each millisecond, with and without SA_RESTART, hears of no error that it wouldn't hear of on
# a local file system, and no read(2) or write(2) is torn: by each cache mode, while answers take longer than the timer.
. "$(dirname "$0")/lib.sh"

D=/srv/interrupts
M=/mnt/interrupts
FAULT=/sys/kernel/debug/qtfs_server/fault

# All that it has to say is what went wrong; and how many signals came.
interrupted() { /usr/lib/qtfs/tests/interrupted "$@" || true; } # DIR SA_RESTART ROUNDS

check "the server starts" start_server || exit
S "rm -rf $D && mkdir $D"
mkdir "$SCRATCH/local"
is "on a local file system" "$(interrupted "$SCRATCH/local" 0 5)" good
for cache in coherent strict none; do
	check "mount, cache=$cache" mount_qtfs -o cache=$cache $D $M || exit
	for restart in 0 1; do
		is "cache=$cache, SA_RESTART $restart" "$(interrupted $M $restart 5)" good
	done
	if S "[ -e $FAULT ]"; then
		S "echo delay_ms ms=5 every=2 >$FAULT"
		is "cache=$cache, with answers that take 5 ms" "$(interrupted $M 0 3)" good
		S "echo clear >$FAULT"
	else
		echo "# left out, as no faults can be injected in this build: answers that take 5 ms"
	fi
	is "nothing is left on the server" "$(S "ls $D")" ""
	check "umount" umount_qtfs $M
done
