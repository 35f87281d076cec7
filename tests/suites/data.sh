#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# timeout: 600
# Random operations on one file against a model of it (tests/exerciser), by all ways that data can take, in all cache
# modes; both sides have the same bytes afterwards. SEED, OPERATIONS and THROUGH (without a cache for writes) may be
# set; data-long.sh does more.
. "$(dirname "$0")/lib.sh"

D=/srv/data
M=/mnt/data
EXERCISER=/usr/lib/qtfs/tests/exerciser
: "${SEED:=$EPOCHSECONDS}" "${OPERATIONS:=500}" "${THROUGH:=150}"
STARTED=()

# Starts a run in the background, on a file of its own.
start() { # CACHE NUMBER OPERATIONS
	local name=$1-$2 again=()
	# In one guest the server's own view is at hand at any time.
	[ "$RIG_GUESTS" = 1 ] && again=("$D/$name")
	$EXERCISER -p "$M/$1/$name" $((SEED + $2)) "$3" "${again[@]}" >"$SCRATCH/$name" 2>&1 &
	STARTED+=("$name:$!")
}

finish() {
	local run name
	for run in "${STARTED[@]}"; do
		name=${run%:*}
		wait "${run#*:}"
		is "$name: every byte is right" $? 0
		echo "# $(tail -n 1 "$SCRATCH/$name")"
		grep -q ': good$' "$SCRATCH/$name" || head -n 50 "$SCRATCH/$name" | sed 's/^/# /'
		is "$name: both sides are the same" "$(cksum <"$M/${name%-*}/$name")" "$(S "cksum <$D/$name")"
	done
	STARTED=()
}

[ -x $EXERCISER ] || { not_ok "the exerciser is installed"; exit; }
check "the server starts" start_server || exit
S "rm -rf $D && mkdir $D"
for cache in coherent strict none; do
	check "mount, cache=$cache" mount_qtfs -o cache=$cache $D $M/$cache || exit
done

for i in 1 2 3 4; do start coherent $i "$OPERATIONS"; done
finish
for i in 5 6; do start strict $i "$THROUGH"; done
for i in 7 8; do start none $i "$THROUGH"; done
finish

# ---- WRITEs that are answered in another order than they were carried out ----
FAULT=/sys/kernel/debug/qtfs_server/fault
CLIENT_FAULT=/sys/kernel/debug/qtfs/fault
# By the second connection; by pcie there is one.
if [ "$TRANS" = pcie ]; then
	echo "# skipped: trans=pcie has one connection"
elif ! S "[ -e $FAULT ]"; then
	echo "# skipped: the modules were built without QTFS_FAULT"
else
	check "mount, two connections" mount_qtfs -o nconnect=2 $D $M/two || exit
	head -c 229376 /dev/zero >$M/two/order
	# The first is answered late, the second is sent a little later.
	S "echo 'delay_ms op=WRITE ms=500 count=1' >$FAULT"
	echo 'delay_ms op=WRITE ms=100 skip=1 count=1' >$CLIENT_FAULT
	perl -MIO::Handle -e '
		open(my $f, "+<", "$ARGV[0]/order") or die;
		for ([180224, 50000], [266240, 3000]) {
			sysseek($f, $_->[0], 0);
			syswrite($f, "x" x $_->[1]) == $_->[1] or die;
		}
		$f->sync or die;
		print -s $f' $M/two >"$SCRATCH/order"
	S "echo clear >$FAULT"
	echo clear >$CLIENT_FAULT
	is "the size is that after the last one" "$(cat "$SCRATCH/order")" 269240
	before=$(requests READ)
	head -c 229376 $M/two/order >/dev/null
	is "and the pages stay" $(($(requests READ) - before)) 0

	# ---- what is read while it's being written ----
	head -c 262144 /dev/zero | tr '\0' a >$M/two/busy
	echo 3 >/proc/sys/vm/drop_caches
	echo 'delay_ms op=WRITE ms=500 count=1' >$CLIENT_FAULT
	perl -e '
		open(my $f, "+<", "$ARGV[0]/busy") or die;
		sysseek($f, 5000, 0);
		syswrite($f, "b" x 20000) == 20000 or die;
		fork or exit syscall(277, fileno($f), 0, 0, 2); # sync_file_range, SYNC_FILE_RANGE_WRITE
		do { open(my $g, "<", $ARGV[1]); $_ = <$g> } until /hit=1/;
		sysseek($f, 5000, 0);
		sysread($f, my $found, 100);
		print $found eq "b" x 100 ? "new" : "old"' $M/two $CLIENT_FAULT >"$SCRATCH/busy"
	echo clear >$CLIENT_FAULT
	is "a page that is being written is not read from the server" "$(cat "$SCRATCH/busy")" new
fi

# ---- the exerciser can fail: a byte that the model doesn't know of ----
for i in 1 2 3; do
	$EXERCISER -s 300 $M/coherent/spoiled $i 450 >"$SCRATCH/spoiled"
	is "a wrong byte is noticed, seed $i" $? 1
	grep -q 'first bad offset' "$SCRATCH/spoiled" || not_ok "and told, seed $i" "$(head -n 1 "$SCRATCH/spoiled")"
done
