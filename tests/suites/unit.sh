#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# long
# timeout: 900
# guests: 1
# expect-log: engine has gone|has been waiting
# The unit of the engine under systemd itself, in name spaces of its own: an engine that is killed comes back at once; one that
# dies again and again before it has answered anything comes back later and later, and at last not at all, which is to be seen;
# who waits is served when somebody has started it again.
. "$(dirname "$0")/lib.sh"

D=/srv/unit
M=/mnt/unit
UNIT=qtfs-engine.service
STATE=/sys/fs/qtfs_server/engine
DROP_IN=/etc/systemd/system/qtfs-engine.service.d

# systemd wants to be process 1, with a control group of its own, and may not empty the guest's /tmp. It ends with the process
# that this starts.
init=
boot_systemd() {
	local group=/sys/fs/cgroup/unit
	mkdir -p $group $DROP_IN
	ln -sf /dev/null /etc/systemd/system/systemd-tmpfiles-setup.service
	(
		echo $BASHPID >$group/cgroup.procs
		exec unshare --pid --fork --kill-child --cgroup --mount --mount-proc env -i container=rig PATH="$PATH" \
			/lib/systemd/systemd --unit=basic.target --log-target=null >"$SCRATCH/systemd" 2>&1
	) &
	outer=$!
	wait_for 120 eval '[ -n "$(pgrep -P $outer -x systemd)" ] && init=$(pgrep -P $outer -x systemd) &&
		[ "$(in_systemd systemctl is-active basic.target)" = active ]'
}
in_systemd() { nsenter -t "$init" -p -m -C -- "$@"; }
# The number that a process in there has outside.
in_guest() { awk -v pid="$1" '$1 == "NSpid:" && $NF == pid && NF > 2 { split(FILENAME, p, "/"); print p[3] }' /proc/[0-9]*/status 2>/dev/null; }
shows() { in_systemd systemctl show --value -p "$1" $UNIT; }
engine_died() { # PID; and another one is there
	wait_for 60 eval "p=\$(shows MainPID) && [ \$p != 0 ] && [ \$p != $1 ]"
}
state() { cat $STATE; }

check "the units are valid" systemd-analyze verify --man=no /usr/lib/systemd/system/{qtfs-engine,udsproxyd,rexec-server}.service
is "and nothing is said about them" "$(cat "$SCRATCH/said")" ""
check "the server starts" start_server || exit
S "rm -rf $D && mkdir $D && echo content >$D/f"
check "the engine stops" stop_engine
check "systemd runs" boot_systemd || { tail -n 5 "$SCRATCH/systemd"; exit; }
check "it starts the engine" in_systemd systemctl start $UNIT || in_systemd systemctl status $UNIT
is "which is ready then" "$(shows ActiveState) $(state)" "active running"
check "what it shows" [ "$(shows StatusText)" = "Serving with $(sed -n 's/.*Serving with \([0-9]*\).*/\1/p' <<<"$(shows StatusText)") threads" ]
# What this mount names is what that engine sees, whose mounts are its own.
check "mount" mount_qtfs -o entry_timeout=0,attr_timeout=0,negative_timeout=0 $D $M || exit
is "files can be read" "$(cat $M/f)" content

# ---- killed now and then: it is back at once, and goes on to be, however often ----
for n in 1 2 3 4 5 6; do
	pid=$(shows MainPID)
	in_systemd systemctl kill -s KILL $UNIT
	is "a file is read after death $n" "$(with_timeout 60 cat $M/f)" content
	check "by another engine" engine_died "$pid"
done
is "the unit counts them" "$(shows NRestarts)" 6
is "and is well" "$(shows ActiveState)/$(shows Result) $(state)" "active/success running"

# ---- each one dies when it has just started, and nobody has asked it anything ----
mkdir -p $DROP_IN
printf '%s\n' '[Service]' 'ExecStartPost=/bin/kill -KILL $MAINPID' "StandardError=append:$SCRATCH/log" >$DROP_IN/deadly.conf
in_systemd systemctl daemon-reload
in_systemd systemctl kill -s KILL $UNIT
delays() { sed -n 's/.*waiting for \([0-9]*\) ms$/\1/p' "$SCRATCH/log" | tr '\n' ' '; }
check "they wait" wait_for 120 eval '[ $(delays | wc -w) -ge 5 ]'
is "longer and longer" "$(delays | cut -d' ' -f1-5)" "100 200 400 800 1600"
check "which is to be seen" wait_for 60 eval '[[ "$(shows StatusText) $(state)" = "Waiting: "*" engines died at once failing" ]]'
# Those that wait are killed as well, so that it doesn't take minutes.
for n in {1..40}; do
	pid=$(shows MainPID)
	[ "$(shows ActiveState)" != failed ] || break
	[ "$pid" = 0 ] || kill -KILL "$(in_guest "$pid")" 2>/dev/null
	wait_for 20 eval "[ \$(shows ActiveState) = failed ] || { p=\$(shows MainPID) && [ \$p != 0 ] && [ \$p != $pid ]; }"
done
is "in the end the unit gives up" "$(shows ActiveState)/$(shows Result) $(shows ExecMainStatus)" "failed/exit-code 70"
is "says so" "$(shows StatusText)" "Given up: engines die before they have answered anything"
is "and is listed" "$(in_systemd systemctl list-units --failed --no-legend --plain | cut -d' ' -f1)" $UNIT
is "the module shows it" "$(state)" failing
cat $M/f >"$SCRATCH/read" 2>&1 &
reader=$!
check "who asks, waits" wait_for 10 eval 'grep -q " sent " /sys/kernel/debug/qtfs/*/ops'

# ---- what was wrong with it is mended ----
rm $DROP_IN/deadly.conf
in_systemd systemctl daemon-reload
check "it can be started again" in_systemd systemctl start $UNIT
wait $reader
is "and who waited is served" "$? $(cat "$SCRATCH/read")" "0 content"
is "the unit is well" "$(shows ActiveState) $(state)" "active running"

# ---- one that can't even start ----
printf '%s\n' '[Unit]' 'StartLimitBurst=5' >$DROP_IN/quick.conf
in_systemd systemctl daemon-reload
mv $WHITELIST $WHITELIST.away
in_systemd systemctl kill -s KILL $UNIT
check "without a whitelist it gives up, too" wait_for 120 eval '[ $(shows ActiveState) = failed ]'
mv $WHITELIST.away $WHITELIST
rm -r $DROP_IN
in_systemd systemctl daemon-reload
in_systemd systemctl reset-failed $UNIT
check "and starts when there is one" in_systemd systemctl start $UNIT
check "it is restarted" in_systemd systemctl restart $UNIT
is "files can be read" "$(with_timeout 60 cat $M/f)" content
check "umount" umount_qtfs $M
check "and stopped" in_systemd systemctl stop $UNIT
is "which is no failure" "$(shows ActiveState) $(state)" "inactive stopped"
kill -KILL "$outer"
wait "$outer" 2>/dev/null || true
