#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# long
# timeout: 900
# guests: 1
# expect-log: vmalloc error|vmap allocation|allocation failure: |Call Trace:|VM_FAULT_OOM leaked
# expect-log: qtfs(_server)?: (no descriptors|.*no thread for it)
# When allocations of memory fail: tests/parity/nomem.c says how. Needs a kernel that makes them fail (KERNEL=debug).
. "$(dirname "$0")/lib.sh"

NOMEM=/usr/lib/qtfs/tests/nomem
M=/mnt/nomem
D=/srv/nomem
DEBUG=/sys/kernel/debug
[ -x $NOMEM ] || { not_ok "nomem is installed" "no $NOMEM in the stage"; exit; }
if [ ! -e /proc/self/fail-nth ]; then
	ok "skipped: this kernel fails no allocations at will"
	exit
fi

# Also those that may wait, of every size, and without a line in the log for each.
for what in failslab fail_page_alloc; do
	echo N >$DEBUG/$what/ignore-gfp-wait
	echo 0 >$DEBUG/$what/verbose
	echo 0 >$DEBUG/$what/probability
done
echo N >$DEBUG/fail_page_alloc/ignore-gfp-highmem
echo 0 >$DEBUG/fail_page_alloc/min-order

# The server's file system has to live on, so it is one without a journal.
mkdir -p $D $M
mount -t tmpfs nomem $D
trap 'umount -l $D; tidy' EXIT

# ---- one after the other, in the calling task ----

module() { # NAME
	modinfo -F filename "$1"
}

modprobe qtfs && rmmod qtfs
check "qtfs.ko is loaded or not" "$NOMEM load $(module qtfs) ''"
check "qtfs_server.ko is loaded or not" "$NOMEM load $(module qtfs_server) 'qtfs_server_ip=$SERVER_IP'"

start_server || { not_ok "the server starts" "it does not"; exit; }
modprobe qtfs
check "mount and umount" "$NOMEM call $(transport_options) $D $M"
# Attributes that are asked for each time make more requests.
mount_qtfs -o attr_timeout=0 $D $M || { not_ok "mount" "failed"; exit; }
$NOMEM each self $M $D >"$SCRATCH/each" 2>&1
is "what fails in the caller is ENOMEM" "$? $(grep -v '^#' "$SCRATCH/each" | head -n 20)" "0 "
cat "$SCRATCH/each"

# ---- in the tasks that work for it ----

# The fail-nth file of the newest task with this name.
fail_nth() { # COMMAND
	local pid
	pid=$(pgrep -n -x "$1") && echo "/proc/$pid/task/$pid/fail-nth"
}

for task in qtfs-rx qtfsd; do
	$NOMEM each "$(fail_nth $task)" $M $D >"$SCRATCH/each" 2>&1
	is "what fails in $task is ENOMEM" "$? $(grep -v '^#' "$SCRATCH/each" | head -n 20)" "0 "
done

# ---- everywhere, at random, but only below functions of one module ----

text_of() { # MODULE
	read -r start </sys/module/"$1"/sections/.text
	size=$(awk -v m="$1" '$1 == m { print $2 }' /proc/modules)
	printf '%#x %#x\n' $((start)) $((start + size))
}

arm() { # MODULE PERCENT
	local start end what
	read -r start end <<<"$(text_of "$1")"
	for what in failslab fail_page_alloc; do
		echo 0 >$DEBUG/$what/probability
		echo "$start" >$DEBUG/$what/require-start
		echo "$end" >$DEBUG/$what/require-end
		echo 1000000 >$DEBUG/$what/times
		echo "$2" >$DEBUG/$what/probability
	done
}

disarm() {
	local what
	for what in failslab fail_page_alloc; do
		echo 0 >$DEBUG/$what/probability
	done
}

for module in qtfs qtfs_server; do
	arm $module 2
	$NOMEM storm $((20 * RIG_SLOW / 2)) $M $D >"$SCRATCH/storm" 2>&1
	status=$?
	times=$(<$DEBUG/failslab/times)
	disarm
	is "what fails in $module is ENOMEM" "$status $(grep -v '^#' "$SCRATCH/storm" | sort | uniq -c | head -n 20)" "0 "
	cat "$SCRATCH/storm"
	check "allocations of $module have failed" [ "$times" -lt 999900 ]
	check "all is well after it" "$NOMEM each self $M $D create mkdir write readdir"
done

is "the session has lived through it" "$(cat /sys/fs/qtfs/*/state)" connected
check "umount" umount_qtfs $M
check "the server stops" stop_server
