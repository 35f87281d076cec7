#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# long
# timeout: 300
# guests: 2
# Containers on the server that unmodified crun and runc start, exec in, signal and delete, called on the client under qtrun.
. "$(dirname "$0")/lib.sh"

M=/mnt/host
W=/srv/containers
WHITELIST_SECTIONS+=" Remotemount"
CONFIG=$SCRATCH/qtrun.conf
R() { qtrun --config "$CONFIG" "$@" {RESULTS}>&-; }
chmod 755 "$SCRATCH"
mkfifo "$SCRATCH/idle"

whitelist Udsconnect=/run/rexec
check "the server starts" start_server || exit
check "mount of /" mount_qtfs / $M || exit
mkdir -p /run/rexec/pids # as systemd-tmpfiles does
check "proxies" start_proxies /run/rexec || exit
S -i "mkdir -p /run/qtfs; cat >/run/qtfs/commands" <<<$'/usr/bin/crun\n/usr/sbin/runc'
S "setsid rexec_server --whitelist /run/qtfs/commands </dev/null >/run/qtfs/rexec.log 2>&1 & echo \$! >/run/qtfs/rexec.pid"
end_suite() {
	local status=$?
	S "for c in crun runc; do \$c delete -f box; done; kill \$(cat /run/qtfs/rexec.pid); rm -rf $W; rmdir /sys/fs/cgroup/offload" >/dev/null 2>&1
	rmdir $W
	stop_proxies
	(exit $status)
	tidy
}
trap end_suite EXIT

# The file systems of containers, made through the mount, and what is executed in them.
mkdir -p $W $M$W/bundle/rootfs/{bin,proc,dev,tmp} && cp /rig/busybox $M$W/bundle/rootfs/bin/ || exit
for name in sh sleep cat echo tty hostname tr; do
	ln -sf busybox $M$W/bundle/rootfs/bin/$name
done
bundle() { # COMMAND: what /bin/sh is given
	cat >$M$W/bundle/config.json <<-END
		{ "ociVersion": "1.0.2", "hostname": "inside", "root": { "path": "rootfs" },
		  "process": { "cwd": "/", "user": { "uid": 0, "gid": 0 }, "env": [ "PATH=/bin" ], "args": [ "/bin/sh", "-c", "$1" ] },
		  "mounts": [ { "destination": "/proc", "type": "proc", "source": "proc" },
		    { "destination": "/dev", "type": "tmpfs", "source": "tmpfs" },
		    { "destination": "/dev/pts", "type": "devpts", "source": "devpts", "options": [ "newinstance", "ptmxmode=0666" ] } ],
		  "linux": { "cgroupsPath": "/offload/box",
		    "namespaces": [ { "type": "pid" }, { "type": "mount" }, { "type": "uts" }, { "type": "ipc" }, { "type": "cgroup" } ] } }
	END
}
cat >"$CONFIG" <<END
[Host]
Mount=$M
Path=$W;/sys/fs/cgroup
Program=/usr/bin/crun;/usr/sbin/runc;/usr/bin/nsenter
END
check "the other machine executes" wait_for 20 R crun --version || exit
cd $M$W/bundle || exit

for runtime in crun runc; do
	c() { R "$runtime" "$@"; }
	status() { c state box | sed -n 's/^ *"status": "\(.*\)",*$/\1/p'; }
	has_status() { [ "$(status)" = "$1" ]; }

	# ---- in the foreground ----
	bundle 'echo out; echo err >&2; hostname; exit 5'
	is "$runtime run: its output" "$(c run box 2>"$SCRATCH/err"; echo $?)" $'out\ninside\n5'
	is "$runtime run: its errors" "$(grep -c '^err$' "$SCRATCH/err")" 1
	bundle 'cat; exit 3'
	is "$runtime run: its input" "$(seq 100000 | c run box | cksum)" "$(seq 100000 | cksum)"

	# ---- step by step ----
	bundle 'trap \"echo over; exit 7\" TERM; echo $0 begins; while :; do sleep 0.1; done'
	check "$runtime create" "c create --pid-file $W/pid box >$M$W/out </dev/null" || continue
	pid=$(cat $M$W/pid)
	is "$runtime state" "$(status)" created
	is "it hasn't begun" "$(cat $M$W/out)" ""
	check "$runtime start" c start box
	is "$runtime state then" "$(status)" running
	check "its output comes" wait_for 10 grep -qx '/bin/sh begins' $M$W/out
	is "it is a process of the server" "$(S "tr '\\0' ' ' </proc/$pid/cmdline" | cut -c1-10)" "/bin/sh -c"
	is "in the server's cgroup" "$(S "cat /proc/$pid/cgroup")" 0::/offload/box
	is "which the client sees" "$(R grep -x "$pid" /sys/fs/cgroup/offload/box/cgroup.procs)" "$pid"
	is "there is none on the client" "$(grep -ls offload /proc/[0-9]*/cgroup; ls -d /sys/fs/cgroup/offload 2>/dev/null)" ""
	is "it is in namespaces of its own" "$(S "[ \$(readlink /proc/$pid/ns/pid) != \$(readlink /proc/1/ns/pid) ] && echo own")" own
	check "$runtime ps" "c ps box | grep -w $pid"
	is "$runtime list" "$(c list -q)" box

	# ---- exec; script(1) types at the end of its input what the terminal takes for text ----
	is "$runtime exec: output and status" "$(c exec box sh -c 'hostname; exit 4'; echo $?)" $'inside\n4'
	is "$runtime exec: input" "$(seq 50000 | c exec box cat | cksum)" "$(seq 50000 | cksum)"
	is "$runtime exec: process 1 is the container's" "$(c exec box sh -c 'tr "\0" " " </proc/1/cmdline' | cut -c1-10)" "/bin/sh -c"
	is "$runtime exec: with a terminal" \
		"$(script -qec "stty rows 31 cols 91; qtrun --config $CONFIG $runtime exec -t box sh -c 'test -t 0 && busybox stty size; exit 6'; echo \$?" /dev/null <>"$SCRATCH/idle" | tr -d '\r')" \
		$'31 91\n6'

	# ---- what it does, and its end ----
	[ $runtime = crun ] || check "$runtime events" "c events --stats box | grep '\"type\":\"stats\",\"id\":\"box\"'"
	check "$runtime pause" c pause box
	is "$runtime state while paused" "$(status)" paused
	check "$runtime resume" c resume box
	whitelist Udsconnect=/run/rexec Kill=/absent && reload_engine
	fails_with "a signal that the server doesn't allow" EPERM R kill -TERM "$pid"
	whitelist Udsconnect=/run/rexec && reload_engine
	check "$runtime kill" c kill box TERM
	check "ends it" wait_for 10 has_status stopped
	is "as it wanted" "$(cat $M$W/out)" $'/bin/sh begins\nover'
	check "$runtime delete" c delete box
	check "nothing is left" "! c state box && S '! [ -e /sys/fs/cgroup/offload/box ]'"

	# ---- its number is the server's for kill(2), too ----
	bundle 'echo up; exec sleep 1000'
	c create --pid-file $W/pid box >$M$W/out </dev/null && c start box
	check "another" wait_for 10 grep -q up $M$W/out
	check "kill(2)" R kill -KILL "$(cat $M$W/pid)"
	check "ends it, too" wait_for 10 has_status stopped
	check "$runtime delete of it" c delete box

	# ---- who may ----
	mkdir -m 777 $M$W/$runtime
	bundle 'echo out'
	is "another user has none of it" \
		"$(R setpriv --reuid 1000 --regid 1000 --clear-groups "$runtime" --root $W/$runtime run other 2>"$SCRATCH/said"; echo $?)" 1
	echo "# $(tail -n 1 "$SCRATCH/said")"
done

# ---- the server's whitelist ----
said=$(R nsenter -t 1 -a true 2>&1)
is "what it doesn't list: 126" "$? ${said#*: }" "126 /usr/bin/nsenter: not allowed: it isn't in /run/qtfs/commands of the server"
S "sed -i /crun/d /run/qtfs/commands && kill -HUP \$(cat /run/qtfs/rexec.pid)"
check "what it doesn't list any more" wait_for 10 "R crun list 2>&1 | grep 'not allowed'"
sed 's,/usr/bin/nsenter,/usr/bin/absent,' "$CONFIG" >"$SCRATCH/absent"
check "a program where no file is" "qtrun --config $SCRATCH/absent true 2>&1 | grep \"/usr/bin/absent can't be put at\""
cd /
