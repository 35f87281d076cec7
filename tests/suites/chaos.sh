#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# long
# timeout: 1500
# expect-log: connection lost|connected again|engine has gone|no answer for|has been waiting
# For minutes: eight threads of the checker and a process that appends, while the engine is killed every 0.2 to 2 s, the
# connection is cut every 3 s, every fifth reply is lost, and all of it at once. It needs a build with -DQTFS_FAULT=ON.
. "$(dirname "$0")/lib.sh"

D=/srv/chaos
M=/mnt/chaos
CHECKER=/usr/lib/qtfs/tests/checker
FAULT=/sys/kernel/debug/qtfs_server/fault
STOP=/tmp/chaos-stop
LINES=10000
: "${SEED:=$EPOCHSECONDS}" "${OPERATIONS:=80}" "${THREADS:=8}"

# Kills the engine at random and starts it again, until $STOP is there; says how often. On the server.
kills() {
	S "
		start_engine() {
			setsid /usr/sbin/qtfs-engine --threads 8 --whitelist $WHITELIST </dev/null >>/run/qtfs/engine.log 2>&1 &
			until read -r state </sys/fs/qtfs_server/engine && [ \"\$state\" = running ]; do sleep 0.02; done
		}
		n=0
		while [ ! -e $STOP ]; do
			sleep \$((RANDOM % 2)).\$((2 + RANDOM % 8))
			pid=\$(pidof qtfs-engine) && kill -9 \$pid && n=\$((n + 1))
			while kill -0 \$pid 2>/dev/null; do sleep 0.01; done
			start_engine
		done
		echo \$n
	"
}
cuts() {
	local n=0
	until S "[ -e $STOP ]"; do
		sleep 3
		cut_off
		n=$((n + 1))
	done
	echo $n
}

# Runs of the checker for so long, while FUNCTIONs break things.
period() { # NAME SECONDS FUNCTION...
	local name=$1 end=$((EPOCHSECONDS + $2)) pids=() f first=$round
	shift 2
	S "rm -f $STOP"
	for f; do
		$f >"$SCRATCH/$f" 2>&1 &
		pids+=($!)
	done
	while [ $EPOCHSECONDS -lt $end ]; do
		round=$((round + 1))
		mkdir $M/$round
		if ! $CHECKER $M/$round $((SEED + round * 100)) "$OPERATIONS" "$THREADS" "$AGAIN/$round" >"$SCRATCH/run" 2>&1; then
			not_ok "$name: round $round" "$(tail -n 3 "$SCRATCH/run" | tr '\n' ' ')"
			break
		fi
		rm -rf "${M:?}/$round"
		S "[ ! -e $D/$round ]" || not_ok "$name: what was removed has gone"
	done
	S "touch $STOP"
	wait "${pids[@]}"
	ok "$name: $((round - first)) rounds$(for f; do echo ", $(tail -n 1 "$SCRATCH/$f") $f"; done)"
}

check "the server starts" start_server || exit
[ -x $CHECKER ] || { not_ok "the checker is installed"; exit; }
S "rm -rf $D && mkdir $D"
check "mount" mount_qtfs -o timeo=5000 $D $M || exit
S "[ -e $FAULT ]" || { not_ok "faults can be injected" "the modules were built without QTFS_FAULT"; exit; }
AGAIN=$D
[ "$RIG_GUESTS" = 1 ] || AGAIN=$M
echo "# seed $SEED"

cat >"$SCRATCH/append.pl" <<'PL'
open(my $log, ">>", $ARGV[0]) or die "open: $!";
for my $n (1 .. $ARGV[1]) {
	my $line = "$n\n";
	my $done = syswrite($log, $line);
	defined $done && $done == length $line or die "line $n: $!";
}
close($log) or die "close: $!";
PL
perl "$SCRATCH/append.pl" $M/log $LINES >"$SCRATCH/append" 2>&1 &
appender=$!

period "the engine is killed" 150 kills
period "the connection is cut" 60 cuts
S "echo exec_then_drop_reply every=5 >$FAULT"
period "each fifth reply is lost" 60
period "all at once" 330 kills cuts
echo "# $(S "wc -l <$D/log") lines appended by then; $(stat_of reconnects) connections made again, $(stat_of resent) requests sent again"
S "echo clear >$FAULT"
wait $appender
is "the appends succeed" "$? $(cat "$SCRATCH/append")" "0 "
is "lines 1 to $LINES are there, each once and in order" "$(S "md5sum <$D/log")" "$(seq $LINES | md5sum)"
is "the state" "$(cat /sys/fs/qtfs/*/state)" connected
check "umount" umount_qtfs $M
