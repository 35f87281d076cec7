#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# long
# timeout: 900
# expect-log: connection lost|connected again|bad frame|the server sent a bad|engine has gone|no answer for|has been waiting
# Random operations against a model, while everything breaks: the engine is killed, connections are cut, frames are lost,
# doubled, torn and corrupted. SEED and OPERATIONS may be set. It needs a build with -DQTFS_FAULT=ON.
. "$(dirname "$0")/lib.sh"

D=/srv/checker
M=/mnt/checker
CHECKER=/usr/lib/qtfs/tests/checker
CLIENT_FAULT=/sys/kernel/debug/qtfs/fault
SERVER_FAULT=/sys/kernel/debug/qtfs_server/fault
: "${SEED:=$EPOCHSECONDS}" "${OPERATIONS:=1000}" "${THREADS:=4}"

client_fault() { echo "$*" >$CLIENT_FAULT; }
server_fault() { S "echo '$*' >$SERVER_FAULT"; }
no_faults() { client_fault clear && server_fault clear; }
kill_engine() { S 'pid=$(pidof qtfs-engine) && kill -9 $pid'; }

# Restarts the engine whenever it has gone, until $SCRATCH/stop is there.
keep_engine() {
	while [ ! -e "$SCRATCH/stop" ]; do
		S "pidof qtfs-engine >/dev/null" || start_engine >>"$SCRATCH/engine" 2>&1
		sleep 0.05
	done
}

# One run of the checker, with whatever is wrong at the time; the loop given breaks things meanwhile.
run() { # NAME [FUNCTION [INTERVAL]]
	local pid status n=0
	round=$((round + 1))
	S "rm -rf $D/$round" && mkdir $M/$round
	$CHECKER $M/$round $((SEED + round * 100)) "$OPERATIONS" "$THREADS" "$AGAIN/$round" >"$SCRATCH/run" 2>&1 &
	pid=$!
	while kill -0 $pid 2>/dev/null; do
		if [ -n "$2" ]; then
			$2
			n=$((n + 1))
		fi
		sleep "${3:-0.5}"
	done
	wait $pid
	status=$?
	echo "# $1: $(tail -n 1 "$SCRATCH/run")${2:+, $n times}"
	[ $status = 0 ] || head -n 5 "$SCRATCH/run" | sed 's/^/# /'
	is "$1" $status 0
}

check "the server starts" start_server || exit
[ -x $CHECKER ] || { not_ok "the checker is installed"; exit; }
S "rm -rf $D && mkdir $D"
check "mount" mount_qtfs -o timeo=2000 $D $M || exit
[ -e $CLIENT_FAULT ] || { not_ok "faults can be injected" "the modules were built without QTFS_FAULT"; exit; }
# In one guest the server's own view is at hand; else the tree is only checked through the mount.
AGAIN=$D
[ "$RIG_GUESTS" = 1 ] || AGAIN=$M
echo "# seed $SEED"

run "nothing is wrong"
run "the connection is cut" cut_off 0.5
client_fault short_send bytes=7 every=3
run "frames go out in pieces"
no_faults
client_fault dup every=3
server_fault dup every=4
run "frames come twice"
no_faults
client_fault disconnect bytes=60 every=90
server_fault disconnect bytes=30 every=110
run "connections break within frames"
no_faults
server_fault exec_then_drop_reply every=5
run "each fifth reply is lost with its connection"
no_faults
client_fault corrupt every=60
server_fault corrupt every=70
run "bits are flipped"
is "and that was noticed" "$([ "$(stat_of proto_errors)" -gt 0 ] && echo yes)" yes
no_faults
client_fault tx_drop every=400
server_fault tx_drop every=500
run "frames vanish"
no_faults

keep_engine &
keeper=$!
run "the engine is killed" kill_engine 0.7
client_fault disconnect bytes=60 every=200
server_fault exec_then_drop_reply every=20
chaos() {
	((RANDOM % 2)) && kill_engine
	((RANDOM % 3)) || cut_off
}
run "all at once" chaos 0.5
no_faults
touch "$SCRATCH/stop"
wait $keeper

# ---- the engine dies at a given point ----
check "the engine stops" stop_engine
for phase in fetched begun executed "done"; do
	for n in 1 2 3 4 5 6 7 8; do echo "any $phase $((n * 37))"; done >"$SCRATCH/points"
	S -i "cat >/run/qtfs/crash" <"$SCRATCH/points"
	rm -f "$SCRATCH/stop"
	crash_keeper() {
		while [ ! -e "$SCRATCH/stop" ]; do
			S "pidof qtfs-engine >/dev/null" || {
				deaths=$((deaths + 1))
				S "export QTFS_CRASH=/run/qtfs/crash; $(declare -p WHITELIST); setsid /usr/sbin/qtfs-engine --threads 4 --whitelist $WHITELIST </dev/null >>/run/qtfs/engine.log 2>&1 &"
			}
			sleep 0.1
		done
		echo "# the engine was started $deaths times"
	}
	deaths=0
	crash_keeper &
	keeper=$!
	run "the engine dies: $phase"
	touch "$SCRATCH/stop"
	wait $keeper
	check "the engine stops" stop_engine KILL
done
rm -f "$SCRATCH/stop"
check "the engine starts" start_engine

# ---- the checker can fail: with a server that has just this fault ----
notices() { # WHAT RULE...; it has to tell of an operation, or of what is there in the end
	local what=$1 rule
	shift
	round=$((round + 1))
	mkdir $M/$round
	for rule; do
		server_fault "$rule"
	done
	if $CHECKER $M/$round 7 300 2 "$AGAIN/$round" >"$SCRATCH/run" 2>&1; then
		not_ok "the checker notices $what" "$(tail -n 1 "$SCRATCH/run")"
	else
		is "the checker notices $what" "$(tail -n 1 "$SCRATCH/run")" "2 threads, 300 operations each, seed 7: wrong"
		echo "# $(head -n 1 "$SCRATCH/run")"
	fi
	no_faults
}
notices "a wrong error" "fail op=MKDIR error=28 every=10 count=3"
notices "an operation that is done twice" "exec_then_drop_reply every=5" forget
notices "one append that is done twice" "exec_then_drop_reply op=WRITE skip=100 count=1" "forget op=WRITE"
notices "an operation that isn't done" "fail op=UNLINK error=0 skip=3 count=1"
check "umount" umount_qtfs $M
