#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# timeout: 240
# The engine stops, starts and dies while mounts exist: operations wait for it, and none is lost or done twice.
. "$(dirname "$0")/lib.sh"

D=/srv/engine
M=/mnt/engine

engine() { # ARGS...; as from a shell: what it says, and its status in the last line
	S "timeout -k 1 10 qtfs-engine $* 2>&1; echo status \$?"
}
says() { # NAME STATUS REGEX SAID
	if [ "$(tail -n 1 <<<"$4")" = "status $2" ] && grep -qE "$3" <<<"$4"; then
		ok "$1"
	else
		not_ok "$1" "$(tr '\n' ' ' <<<"$4")"
	fi
}

# ---- what it needs ----
whitelist
S "cp $WHITELIST /run/qtfs-whitelist"
says "without the module it says so" 1 'qtfs_server.ko' "$(engine)"
says "without a whitelist it says so" 1 '/none: .*(No such file|without a whitelist)' "$(engine --whitelist /none)"
says "a directory is no whitelist" 1 '/etc: Is a directory' "$(engine --whitelist /etc)"
says "unknown options" 2 'nonsense' "$(engine --nonsense)"
says "a bad number of threads" 2 'threads' "$(engine --threads none)"
says "no threads at all" 2 'threads' "$(engine --threads 0)"
says "too many" 2 'threads' "$(engine --threads 100000)"
says "positional arguments: too few" 2 'positional|THREADS|expected' "$(engine 4 1 10.0.0.1)"
says "positional arguments: no address" 2 'nonsense' "$(engine 4 1 nonsense 100 10.0.0.1 100)"
says "not root" 1 'must run as root' "$(S 'setpriv --reuid 1000 --clear-groups qtfs-engine 2>&1; echo status $?')"
says "its version" 0 'qtfs-engine [0-9]' "$(engine --version)"
says "its help" 0 'whitelist' "$(engine --help)"

check "the server starts" start_server || exit
says "a second engine is refused" 1 'another engine is running' "$(engine)"
is "the first one goes on" "$(S 'cat /sys/fs/qtfs_server/engine')" running

# ---- engines that die before anybody asks them anything ----
for i in 1 2 3 4; do
	stop_engine KILL
	[ $i = 4 ] || start_engine || not_ok "engine $i starts"
done
is "the module says that something is wrong" "$(S 'cat /sys/fs/qtfs_server/engine')" failing
check "the fifth starts nevertheless" start_engine
is "after a while" "$(S "grep -c '4 engines in a row died.*waiting for 100 ms' /run/qtfs/engine.log")" 1
check "it stops" stop_engine
is "and that is no crash" "$(S 'cat /sys/fs/qtfs_server/engine')" stopped
check "the sixth starts" start_engine

S "rm -rf $D && mkdir $D && echo content >$D/f && seq 200000 >$D/large"
check "mount" mount_qtfs -o entry_timeout=0,attr_timeout=0,negative_timeout=0 $D $M || exit
check "the mount works" cat $M/f

# ---- stop, and start: what is asked in between waits ----
in_flight() { [ "$(S 'cat /sys/kernel/debug/qtfs_server/ops 2>/dev/null' | grep -cE "$1")" -gt 0 ] 2>/dev/null; }
exec {open}<$M/large
head -c 10 <&$open >/dev/null
check "the engine stops by SIGTERM" stop_engine
is "the module knows" "$(S 'cat /sys/fs/qtfs_server/engine')" stopped
cat $M/f >"$SCRATCH/waits" 2>&1 &
cat=$!
mkdir $M/made-while-stopped >"$SCRATCH/said" 2>&1 &
mkdir=$!
mv $M/f $M/f2 >>"$SCRATCH/said" 2>&1 &
mv=$!
# They have sent their requests when the client's counters say so; none may end.
check "requests have gone out" wait_for 5 eval '[ "$(awk "\$1 == \"LOOKUP\" || \$1 == \"GETATTR\" { n += \$2 } END { print n }" /sys/fs/qtfs/*/stats)" -ge 3 ]'
with_timeout 1 tail --pid=$cat -f /dev/null
is "while there is no engine they wait" "$(jobs -rp | tr '\n' ' ')" "$cat $mkdir $mv "
check "somebody who waits can be killed" with_timeout 5 bash -c "cat $M/g & sleep 0.3; kill -9 \$!; wait \$!; [ \$? = 137 ]"
check "the engine starts" start_engine
wait $cat
a=$?
wait $mkdir
b=$?
wait $mv
is "then all of them succeed" "$a $b $? $(cat "$SCRATCH/said")" "0 0 0 "
is "and were done" "$(S "cd $D && ls")" $'f2\nlarge\nmade-while-stopped'
is "a file that was open goes on" "$(head -c 5 <&$open | wc -c)" 5
exec {open}<&-
S "mv $D/f2 $D/f"

# ---- a stopped engine and an interrupted mount ----
check "the engine stops again" stop_engine TERM
start=$EPOCHSECONDS
mount_qtfs $D /mnt/second >"$SCRATCH/said" 2>&1
status=$?
is "a mount without an engine fails" "$status" 32
check "within 10 s (and some)" [ $((EPOCHSECONDS - start)) -le $((10 + 4 * RIG_SLOW)) ]
check "and says why" "dmesg | tail -n 5 | grep -q 'is qtfs-engine running'"
check "the engine starts again" start_engine

# ---- kill -9 under load ----
check "processes begin to work" load_start $M || exit
for kills in 1 2 3 4 5 6; do
	load_works 50 || not_ok "they work before kill $kills"
	S "pid=\$(pidof qtfs-engine) && kill -9 \$pid && while kill -0 \$pid 2>/dev/null; do sleep 0.01; done"
	start_engine >"$SCRATCH/start" 2>&1 ||
		not_ok "start after kill $kills" "$(tr '\n' ' ' <"$SCRATCH/start")"
done
check "they work on" load_works 50
load_verify $D
is "both sides list the same" "$(cd $M && find . -printf '%p %y %s\n' | sort | md5sum)" \
	"$(S "cd $D && find . -printf '%p %y %s\n' | sort" | md5sum)"

# ---- a request that kills every engine that gets it ----
check "the engine stops" stop_engine
S "echo MKDIR begun 1 6 >/run/qtfs/crash"
mkdir $M/deadly 2>"$SCRATCH/said" &
mkdir=$!
is "it kills an engine, and the next, and the next" \
	"$(S "for i in 1 2 3; do
		QTFS_CRASH=/run/qtfs/crash timeout $((20 * RIG_SLOW)) qtfs-engine --threads 4 --whitelist $WHITELIST \
			</dev/null >>/run/qtfs/engine.log 2>&1
		echo \$?
	done 2>/dev/null")" $'134\n134\n134'
wait $mkdir
is "who asked for it is told" "$? $(grep -o 'Input/output error' "$SCRATCH/said")" "1 Input/output error"
check "the next engine starts" start_engine
is "and isn't asked for it any more" "$(S "cd $D && ls -d deadly 2>/dev/null")" ""
check "others can do the same" mkdir $M/harmless
check "umount" umount_qtfs $M
