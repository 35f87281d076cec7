#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# long
# timeout: 1500
# expect-log: connection lost|connected again|engine has gone|no answer for|has been waiting
# For MINUTES: eight threads of the checker and a process that appends, for each of CLIENTS, while the engine is killed every
# 0.2 to 2 s, the connection is cut every 3 s, every fifth reply is lost, and all of it at once. Then the server has what it
# had before. It needs a build with -DQTFS_FAULT=ON.
. "$(dirname "$0")/lib.sh"

D=/srv/chaos
M=/mnt/chaos
CHECKER=/usr/lib/qtfs/tests/checker
FAULT=/sys/kernel/debug/qtfs_server/fault
STOP=/tmp/chaos-stop
: "${SEED:=$EPOCHSECONDS}" "${OPERATIONS:=80}" "${THREADS:=8}" "${MINUTES:=10}" "${CLIENTS:=1}" "${LINES:=10000}"
KILLED=0

# Kills the engine at random and starts it again, until $STOP is there; says each time how often. On the server.
kills() {
	S "
		exec 2>/dev/null
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
			echo \$n
		done
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

# What the server's machine has, for clients that are gone: objects of the modules, memory of each processor, descriptors of
# the engine, threads of the module; and the memory that is available, in MB.
resources() {
	S "
		sync
		echo 3 >/proc/sys/vm/drop_caches
		for cache in /sys/kernel/slab/qtfs*; do
			echo 1 >\$cache/shrink
			read -r objects _ <\$cache/objects
			echo \"\${cache##*/}=\$objects\"
		done
		echo \"percpu=\$(awk '\$1 == \"Percpu:\" { print int(\$2 / 256) }' /proc/meminfo)\"
		echo \"descriptors=\$(ls /proc/\$(pidof qtfs-engine)/fd | wc -l)\"
		echo \"threads=\$(ps -e -o comm | grep -c ^qtfsd)\"
	"
}
available() { S "awk '\$1 == \"MemAvailable:\" { print int(\$2 / 1024) }' /proc/meminfo"; }
mount_all() {
	local c
	for ((c = 0; c < CLIENTS; c++)); do
		mount_qtfs -o timeo=5000 $D $M$c || return
	done
}
umount_all() {
	local c
	for ((c = 0; c < CLIENTS; c++)); do
		umount_qtfs $M$c || return
	done
}

killed() {
	local n
	n=$(tail -n 1 "$SCRATCH/kills")
	echo $((KILLED + ${n:-0}))
}

# Runs of the checker for so long, and until KILLS engines have been killed, while FUNCTIONs break things.
period() { # NAME PERCENT KILLS FUNCTION...
	local name=$1 end=$((EPOCHSECONDS + MINUTES * 60 * $2 / 100)) kills=$3 pids=() runs f c first=$round
	shift 3
	S "rm -f $STOP"
	: >"$SCRATCH/kills"
	for f; do
		$f >"$SCRATCH/$f" 2>&1 &
		pids+=($!)
	done
	while { [ $EPOCHSECONDS -lt $end ] || [ "$(killed)" -lt "$kills" ]; } && [ $FAILURES = 0 ]; do
		round=$((round + 1))
		runs=()
		for ((c = 0; c < CLIENTS; c++)); do
			mkdir "$M$c/$round.$c"
			$CHECKER "$M$c/$round.$c" $((SEED + round * 100 + c * 10)) "$OPERATIONS" "$THREADS" "${AGAIN:-$M$c}/$round.$c" \
				>"$SCRATCH/run$c" 2>&1 &
			runs+=($!)
		done
		for ((c = 0; c < CLIENTS; c++)); do
			wait "${runs[c]}" || not_ok "$name: round $round, client $c" "$(tail -n 3 "$SCRATCH/run$c" | tr '\n' ' ')"
			[ $FAILURES = 0 ] || continue
			rm -rf "${M:?}$c/$round.$c"
			S "[ ! -e $D/$round.$c ]" || not_ok "$name: what was removed has gone"
		done
	done
	S "touch $STOP"
	wait "${pids[@]}"
	KILLED=$(killed)
	ok "$name: $((round - first)) rounds$(for f; do echo ", $(tail -n 1 "$SCRATCH/$f") $f"; done)"
}

check "the server starts" start_server || exit
[ -x $CHECKER ] || { not_ok "the checker is installed"; exit; }
S "rm -rf $D && mkdir $D"
check "mount" mount_all || exit
S "[ -e $FAULT ]" || { not_ok "faults can be injected" "the modules were built without QTFS_FAULT"; exit; }
for ((c = 0; c < CLIENTS; c++)); do
	mkdir $M$c/first && rmdir $M$c/first
done
check "umount" umount_all
sleep 1
before=$(resources)
had=$(available)
check "mount" mount_all || exit
AGAIN=$D
[ "$RIG_GUESTS" = 1 ] || AGAIN=
echo "# seed $SEED"

cat >"$SCRATCH/append.pl" <<'PL'
use Time::HiRes qw(time sleep);
my ($file, $lines, $client, $seconds) = @ARGV;
my $start = time;
open(my $log, ">>", $file) or die "open: $!";
for my $n (1 .. $lines) {
	my $line = "$client $n\n";
	my $done = syswrite($log, $line);
	defined $done && $done == length $line or die "line $n: $!";
	my $early = $start + $n * $seconds / $lines - time;
	sleep $early if $early > 0;
}
close($log) or die "close: $!";
print "good";
PL
for ((c = 0; c < CLIENTS; c++)); do
	perl "$SCRATCH/append.pl" $M$c/log "$LINES" $c $((MINUTES * 55)) >"$SCRATCH/append$c" 2>&1 &
	appenders[c]=$!
done

round=0
period "the engine is killed" 25 0 kills
descriptors=$(S 'ls /proc/$(pidof qtfs-engine)/fd | wc -l')
period "the connection is cut" 10 0 cuts
S "echo exec_then_drop_reply every=5 >$FAULT"
period "each fifth reply is lost" 10 0
S "echo clear >$FAULT"
check "an engine that lives on has no more descriptors open" wait_for 10 eval "[ \$(S 'ls /proc/\$(pidof qtfs-engine)/fd | wc -l') -le $descriptors ]"
S "echo exec_then_drop_reply every=5 >$FAULT"
period "all at once" 55 $((MINUTES * 10)) kills cuts
echo "# $(S "wc -l <$D/log") lines appended by then; $(stat_of reconnects) connections made again, $(stat_of resent) requests sent again"
S "echo clear >$FAULT"
check "engines were killed: $KILLED" [ "$KILLED" -ge $((MINUTES * 10)) ]
for ((c = 0; c < CLIENTS; c++)); do
	wait "${appenders[c]}" 2>/dev/null # after so many children, bash may have forgotten this one
	is "client $c: the appends succeed" "$(cat "$SCRATCH/append$c")" good
	is "client $c: lines 1 to $LINES are there, each once and in order" "$(S "sed -n 's/^$c //p' $D/log | md5sum")" "$(seq $LINES | md5sum)"
done
is "and no others" "$(S "wc -l <$D/log")" $((LINES * CLIENTS))
is "the state" "$(sort -u /sys/fs/qtfs/*/state)" connected

# ---- the server has what it had ----
check "umount" umount_all
as_before() { after=$(resources) && [ "$after" = "$before" ]; }
wait_for 30 as_before
is "the server's objects and descriptors are what they were" "$(diff <(echo "$before") <(echo "$after"))" ""
has=$(available)
check "and so is its memory: $had MB were available, $has MB are" [ $((had - has)) -le 16 ]
