#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# timeout: 180
# expect-log: the engine has gone
# Processes of the server, by /dev/qtfs: signals, groups, threads, processors, limits; by whom, to whom, and each once.
. "$(dirname "$0")/lib.sh"

M=/mnt/host
W=/srv/process
PROGRAM=/usr/lib/qtfs/tests/process
P() { "$PROGRAM" "$@"; }

S "mkdir -p $W && cp /bin/sleep $W/sleep && chmod 755 $W $W/sleep"
check "the server starts" start_server || exit
check "mount of /" mount_qtfs / $M || exit

# ---- signals ----
pid=$(run_there a "$W/sleep 1000")
check "signal 0" P kill $M/proc/"$pid" 0
check "the process is still there" S "kill -0 $pid"
check "SIGTERM" P kill $M/proc/"$pid" 15
check "ends it" wait_for 5 is_gone "$pid"
fails_with "one that isn't there" ENOENT P kill $M/proc/"$pid" 0
pid=$(run_there a "$W/sleep 1000")
exec 5<$M/proc/"$pid"
S "kill -KILL $pid"
wait_for 5 is_gone "$pid"
fails_with "one that was looked at and has gone" ESRCH P kill /proc/self/fd/5 0
exec 5<&-
fails_with "a signal that there isn't" EINVAL P kill $M/proc/1 65
fails_with "what is no process" EINVAL P kill $M/proc 0
fails_with "a directory of another name" EINVAL P kill $M$W 0
fails_with "a local process" EINVAL P kill /proc/1 0

# ---- groups, threads ----
pid=$(run_there a "bash -c \"$W/sleep 1000 & $W/sleep 1000 & wait\"")
wait_for 5 S "[ \$(pgrep -c -g $pid -x sleep) = 2 ]"
check "a group" P group $M/proc 15 "$pid"
check "ends, all of it" wait_for 5 S "! pgrep -g $pid"
fails_with "a group that there isn't" ESRCH P group $M/proc 15 "$pid"
pid=$(run_there a "$PROGRAM threads")
wait_for 5 S "[ -s $W/a.out ]"
thread=$(S "cat $W/a.out")
check "a thread" P thread $M/proc/"$pid"/task/"$thread" 0
fails_with "of which a process isn't one" EINVAL P thread $M/proc/"$pid" 0
check "a thread is killed" P thread $M/proc/"$pid"/task/"$thread" 9
check "and its process with it" wait_for 5 is_gone "$pid"

# ---- processors, limits ----
pid=$(run_there a "$W/sleep 1000")
was=$(P cpus $M/proc/"$pid")
is "processors are told" "$was" "$(S "taskset -p $pid" | sed 's/.*: //')"
check "processors are set" P cpus $M/proc/"$pid" 1
is "and are" "$(S "taskset -p $pid" | sed 's/.*: //')" 1
fails_with "none at all" EINVAL P cpus $M/proc/"$pid" 0
limits=$(S "prlimit -p $pid --nofile -o SOFT,HARD --noheadings --raw")
is "limits are told" "$(P limit $M/proc/"$pid" 7)" "$limits"
is "when they are set, the old ones" "$(P limit $M/proc/"$pid" 7 77 777)" "$limits"
is "the new ones are in force" "$(S "prlimit -p $pid --nofile -o SOFT,HARD --noheadings --raw")" "77 777"
fails_with "a limit that there isn't" EINVAL P limit $M/proc/"$pid" 99

# ---- who may ----
fails_with "another user's signal" EPERM as 1000 "$PROGRAM" kill $M/proc/"$pid" 15
fails_with "another user's limits" EPERM as 1000 "$PROGRAM" limit $M/proc/"$pid" 7
fails_with "root without CAP_SYS_NICE" EPERM as 1000 "$PROGRAM" cpus $M/proc/"$pid" 1
own=$(run_there b "setpriv --reuid 1000 --regid 1000 --clear-groups $W/sleep 1000")
fails_with "root without CAP_KILL" EPERM setpriv --bounding-set=-kill --inh-caps=-kill "$PROGRAM" kill $M/proc/"$own" 0
check "with it" P kill $M/proc/"$own" 0
check "a user's own processors" as 1000 "$PROGRAM" cpus $M/proc/"$own" 1
check "a user's own limits" as 1000 "$PROGRAM" limit $M/proc/"$own" 7 55 66
check "a user's own process" as 1000 "$PROGRAM" kill $M/proc/"$own" 15
check "gets it" wait_for 5 is_gone "$own"
check "the others' is untouched" S "kill -0 $pid"

# ---- what the server allows ----
whitelist Kill=
check "no section [Kill]" reload_engine
for words in "kill $M/proc/$pid 0" "kill $M/proc/$pid 9" "cpus $M/proc/$pid" "cpus $M/proc/$pid 1" "limit $M/proc/$pid 7" \
	"thread $M/proc/$pid/task/$pid 0"; do
	# shellcheck disable=SC2086 # words
	fails_with "refuses ${words%% *}" EACCES P $words
done
pgid=$(S "ps -o pgid= -p $pid" | tr -d ' ')
fails_with "refuses group" EACCES P group $M/proc 9 "$pgid"
whitelist "Kill=$W/sleep"
check "one program" reload_engine
check "is allowed" P kill $M/proc/"$pid" 0
fails_with "another one isn't" EACCES P kill $M/proc/1 0
whitelist "Kill=sleep"
check "one name" reload_engine
check "is allowed, too" P kill $M/proc/"$pid" 0
fails_with "another name isn't" EACCES P kill $M/proc/1 0
whitelist
check "everything again" reload_engine
fails_with "threads of the kernel have no program" EACCES P kill $M/proc/2 0
check "SIGKILL" P kill $M/proc/"$pid" 9

# ---- exactly once ----
# A real-time signal is queued as often as it is sent.
pid=$(run_there a "$PROGRAM count $W/count 34")
sent=0
wait_for 5 S "[ -s $W/count ]"
for phase in fetched executed "done"; do
	S "echo 'PROCESS $phase 1' >/run/qtfs/crash; kill \$(pidof qtfs-engine)
		while pidof qtfs-engine; do sleep 0.02; done >/dev/null
		QTFS_CRASH=/run/qtfs/crash setsid qtfs-engine --threads 4 --whitelist $WHITELIST </dev/null >>/run/qtfs/engine.log 2>&1 &
		until [ \"\$(cat /sys/fs/qtfs_server/engine)\" = running ] || ((SECONDS > 20 * $RIG_SLOW)); do sleep 0.02; done"
	P kill $M/proc/"$pid" 34 &
	asked=$!
	sent=$((sent + 1))
	check "the engine dies, $phase" wait_for 10 S "pidof qtfs-engine >/dev/null || exit 0; exit 1"
	check "another one starts" start_engine
	check "the signal is sent" wait $asked
	check "once" wait_for 5 S "[ \$(cat $W/count) = $sent ]"
done
for ((i = 0; i < 20; i++)); do
	P kill $M/proc/"$pid" 34 || not_ok "signal $i"
done
check "and twenty are twenty" wait_for 5 S "[ \$(cat $W/count) = $((sent + 20)) ]"
is "no more come" "$(sleep 0.3; S "cat $W/count")" $((sent + 20))
P kill $M/proc/"$pid" 9
S "pkill -KILL -f ^$W/sleep; rm -rf $W"
