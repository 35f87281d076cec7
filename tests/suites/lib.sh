# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash disable=SC2034,SC2119,SC2120 # it is for the suites to use what is here, with arguments or not
# What suites have in common. A suite runs as root in the client guest and starts with
#
#	. "$(dirname "$0")/lib.sh"
#
# and reports each result by ok, not_ok, check, is or fails_with. Its header may say (see tests/vm/README.md)
#	# timeout: SECONDS    # guests: any|1|2    # trans: tcp vsock    # expect-log: REGEX

# RIG_SLOW: how many times slower than usual things may be.
: "${RIG_GUESTS:=1}" "${TRANS:=tcp}" "${RIG_SLOW:=1}"

SERVER_IP=10.77.0.1
CLIENT_IP=10.77.0.2
SERVER_PORT=12345
WHITELIST=/etc/qtfs/whitelist
# Of the protocol, for those who speak it themselves: as in common/wire.h.
export QTFS_VERSION=5
WHITELIST_SECTIONS="Open Read Write Readdir Mkdir Rmdir Create Unlink Rename Setattr Setxattr Mount Kill Udsconnect"

# Results go to the suite's own output even where a check has redirected it.
exec {RESULTS}>&1
SCRATCH=$(mktemp -d /tmp/suite.XXXXXX)
FAILURES=0
WHITELIST_WRITTEN=
SERVER_STARTED=
MOUNTED=()
RACERS=()

# ---- results ----

ok() { # NAME
	echo "ok - $1" >&"$RESULTS"
}

not_ok() { # NAME [REASON]
	FAILURES=$((FAILURES + 1))
	echo "not ok - $1: ${2:-no reason given}" >&"$RESULTS"
}

# Run a command (several words) or a line of shell (one word); what it says is shown if it fails.
check() { # NAME CMD...
	local name=$1 status
	shift
	run_quietly "$@"
	status=$?
	if [ $status = 0 ]; then
		ok "$name"
	else
		not_ok "$name" "exit status $status: $(tail -n 3 "$SCRATCH/said" | tr '\n' ' ')"
	fi
	return $status
}

is() { # NAME GOT EXPECTED
	if [ "$2" = "$3" ]; then
		ok "$1"
	else
		not_ok "$1" "got '$2', expected '$3'"
		return 1
	fi
}

# The command has to fail, and to say why in the words of this errno.
fails_with() { # NAME ERRNO CMD...
	local name=$1 errno=$2 message=${ERRNO[$2]-}
	shift 2
	if [ -z "$message" ]; then
		not_ok "$name" "lib.sh does not know $errno"
	elif LC_ALL=C run_quietly "$@"; then
		not_ok "$name" "succeeded, expected $errno"
	elif grep -qF "$message" "$SCRATCH/said"; then
		ok "$name"
		return 0
	else
		not_ok "$name" "expected $errno, got: $(tail -n 3 "$SCRATCH/said" | tr '\n' ' ')"
	fi
	return 1
}

run_quietly() { # CMD...
	if [ $# = 1 ]; then
		eval "$1" >"$SCRATCH/said" 2>&1
	else
		"$@" >"$SCRATCH/said" 2>&1
	fi
}

declare -A ERRNO=(
	[EPERM]="Operation not permitted" [ENOENT]="No such file or directory" [ESRCH]="No such process" [EINTR]="Interrupted system call"
	[EIO]="Input/output error" [ENXIO]="No such device or address" [E2BIG]="Argument list too long"
	[EBADF]="Bad file descriptor" [EAGAIN]="Resource temporarily unavailable" [ENOMEM]="Cannot allocate memory"
	[EACCES]="Permission denied" [EBUSY]="Device or resource busy" [EEXIST]="File exists"
	[EXDEV]="Invalid cross-device link" [ENODEV]="No such device" [ENOTDIR]="Not a directory"
	[EISDIR]="Is a directory" [EINVAL]="Invalid argument" [ENFILE]="Too many open files in system"
	[EMFILE]="Too many open files" [ENOTTY]="Inappropriate ioctl for device" [ETXTBSY]="Text file busy"
	[EFBIG]="File too large" [ENOSPC]="No space left on device" [ESPIPE]="Illegal seek"
	[EROFS]="Read-only file system" [EMLINK]="Too many links" [EPIPE]="Broken pipe"
	[ERANGE]="Numerical result out of range" [EDEADLK]="Resource deadlock avoided" [ENAMETOOLONG]="File name too long"
	[ENOSYS]="Function not implemented" [ENOTEMPTY]="Directory not empty" [ELOOP]="Too many levels of symbolic links"
	[ENODATA]="No data available" [ENONET]="Machine is not on the network" [EPROTO]="Protocol error"
	[EOVERFLOW]="Value too large for defined data type" [EOPNOTSUPP]="Operation not supported"
	[EADDRINUSE]="Address already in use" [EADDRNOTAVAIL]="Cannot assign requested address"
	[ENETUNREACH]="Network is unreachable" [ECONNRESET]="Connection reset by peer"
	[ENOTCONN]="Transport endpoint is not connected"
	[ETIMEDOUT]="Connection timed out" [ECONNREFUSED]="Connection refused" [EHOSTDOWN]="Host is down"
	[EHOSTUNREACH]="No route to host" [EALREADY]="Operation already in progress" [EINPROGRESS]="Operation now in progress"
	[ESTALE]="Stale file handle" [EDQUOT]="Disk quota exceeded" [ECANCELED]="Operation canceled"
	[ENOMEDIUM]="No medium found" [ENOTBLK]="Block device required"
)

# ---- machines ----

# Run a line of bash on the server machine, by its agent (also where it is the same guest: so S always behaves alike).
# -i passes standard input on. Without, it is empty, so that S may be used in a `while read` loop.
S() { # [-i] CMD...
	local input=
	if [ "$1" = -i ]; then
		input=-i
		shift
	fi
	agent run ${input:+"$input"} "$SERVER_IP" 5000 "$*"
}

# Ask the host for what no guest can do: `host kill server`, `host boot server` (power), `host link off|on` (the cable;
# both with two guests only). Works under `rig run`.
host() { # VERB OBJECT
	rm -f /run/rig/answer
	echo "#rig $1 $2" >&"$RESULTS"
	wait_for 200 test -e /run/rig/answer || return 1
	[ "$(cat /run/rig/answer)" = "done" ] || { cat /run/rig/answer >&2 && return 1; }
}

# Poll until a command succeeds. 124 if it doesn't within the limit.
wait_for() { # SECONDS CMD...
	local end=$((${EPOCHREALTIME/./} + $1 * RIG_SLOW * 1000000))
	shift
	until run_quietly "$@"; do
		[ "${EPOCHREALTIME/./}" -lt $end ] || return 124
		sleep 0.05
	done
}

# Run a command or a function, and kill it with its children if it takes too long. A process that can't be killed is
# left behind: the suite goes on.
with_timeout() ( # SECONDS CMD...
	set -m # the job gets a process group of its own
	limit=$1
	shift
	"$@" &
	job=$!
	set --
	for ((i = 1; i < RIG_SLOW; i++)); do
		set -- "$@" "$limit"
	done
	sleep "$limit" "$@" &
	timer=$!
	wait -n -p first "$job" "$timer"
	status=$?
	if [ "$first" = "$timer" ]; then
		kill -KILL -- "-$job"
		return 124
	fi
	kill "$timer"
	return $status
) 2>/dev/null

# ---- qtfs ----

# The one place that knows what a transport is called with.
server_params() {
	case $TRANS in
	tcp) echo "qtfs_server_ip=$SERVER_IP qtfs_server_port=$SERVER_PORT" ;;
	vsock) echo "qtfs_server_vsock_cid=$(server_cid) qtfs_server_vsock_port=$SERVER_PORT" ;;
	loop) echo "qtfs_loop=1" ;;
	pcie) ;;
	esac
}

transport_options() {
	case $TRANS in
	tcp) echo "trans=tcp,addr=$SERVER_IP,port=$SERVER_PORT" ;;
	vsock) echo "trans=vsock,cid=$(server_cid),port=$SERVER_PORT" ;;
	loop) echo "trans=loop" ;;
	pcie) echo "trans=pcie" ;;
	esac
}

# One guest talks to itself over vsock_loopback; with two, the server is the host.
server_cid() {
	[ "$RIG_GUESTS" = 1 ] && echo 1 || echo 2
}

# Write the server's whitelist: everything is allowed everywhere, but for the sections given here.
# Section= removes a section (and so refuses).
whitelist() { # [SECTION=PATH;PATH...]...
	local section word path text=
	for section in $WHITELIST_SECTIONS; do
		path=/
		for word in "$@"; do
			[ "${word%%=*}" = "$section" ] && path=${word#*=}
		done
		[ -n "$path" ] && text+="[$section]"$'\n'"Path=$path"$'\n'
	done
	S -i "mkdir -p ${WHITELIST%/*} && cat >$WHITELIST" <<<"$text"
	WHITELIST_WRITTEN=1
}

# Load the server module, start the engine, return when it serves. Writes a whitelist if the suite has not.
# With one guest, what two machines have by nature: vsock needs its loopback; of the windows, the first is the
# server's, the second the client's, and the third nobody's.
prepare_transport() {
	local owner
	case $TRANS-$RIG_GUESTS in
	vsock-1) modprobe vsock_loopback ;;
	vsock-2) modprobe vmw_vsock_virtio_transport ;; # as udev would
	pcie-1)
		windows
		for owner in qtfs_server qtfs none; do
			echo $owner >"/sys/bus/pci/devices/${WINDOWS[0]}/driver_override" || return
			WINDOWS=("${WINDOWS[@]:1}")
		done
		;;
	esac
}

# The PCI devices of this machine that are windows, in WINDOWS.
windows() {
	mapfile -t WINDOWS < <(grep -l 0x1110 /sys/bus/pci/devices/*/device | cut -d / -f 6)
}

start_server() { # [MODULE PARAMETERS...]
	[ -n "$WHITELIST_WRITTEN" ] || whitelist || return 1
	SERVER_STARTED=1
	prepare_transport || return 1
	S "modprobe qtfs_server $(server_params) $*" && start_engine
}

start_engine() { # [OPTIONS...]
	# Ready is what the module says, not the passing of time. The log goes to the suite's output if it fails.
	S "
		mkdir -p /run/qtfs
		setsid /usr/sbin/qtfs-engine --threads 4 --whitelist $WHITELIST $* </dev/null >>/run/qtfs/engine.log 2>&1 &
		engine=\$!
		while ((SECONDS < 20 * $RIG_SLOW)); do
			read -r state </sys/fs/qtfs_server/engine && [ \"\$state\" = running ] && exit 0
			kill -0 \$engine || break
			sleep 0.05
		done 2>/dev/null
		echo \"the engine is not running: \$state\"
		tail -n 20 /run/qtfs/engine.log
		exit 1
	"
}

# The engine, if it runs, reads its whitelist again; its log tells when it has.
reload_engine() {
	S "
		pid=\$(pidof qtfs-engine) || exit 0
		before=\$(grep -c ' loaded' /run/qtfs/engine.log)
		kill -HUP \$pid
		until [ \$(grep -c ' loaded' /run/qtfs/engine.log) -gt \$before ]; do
			((SECONDS < 10 * $RIG_SLOW)) || exit 1
			sleep 0.02
		done
	"
}

stop_engine() { # [SIGNAL]
	S "
		pids=\$(pidof qtfs-engine) || exit 0
		kill -${1:-TERM} \$pids
		while ((SECONDS < 10 * $RIG_SLOW)); do
			kill -0 \$pids 2>/dev/null || exit 0
			sleep 0.05
		done
		echo 'the engine does not stop'
		exit 1
	"
}

stop_server() {
	stop_engine || return 1
	SERVER_STARTED=
	S "! [ -d /sys/module/qtfs_server ] || rmmod qtfs_server"
}

# For suites that count requests: what is known expires only when it changes.
LASTING=entry_timeout=3600000,attr_timeout=3600000,negative_timeout=3600000

# Every request that somebody waited for since the mount, or one operation's: `stats` in sysfs. RELEASE and FORGET are sent
# without being waited for and NOTIFY comes from the server: they don't count.
requests() { # OPERATION or requests
	awk -v op="$1" '
		$1 == op { n += $2 }
		op == "requests" && ($1 == "RELEASE" || $1 == "FORGET" || $1 == "NOTIFY") { n -= $2 }
		END { print n + 0 }' /sys/fs/qtfs/*/stats
}

# One of the counters in there, of all mounts.
stat_of() { # NAME
	awk -v name="$1" '$1 == name { n += $2 } END { print n + 0 }' /sys/fs/qtfs/*/stats
}

# What the server knows of its clients.
sessions() { S "find /sys/fs/qtfs_server -mindepth 1 -maxdepth 1 -type d | wc -l"; }
nodes() { S "cat /sys/fs/qtfs_server/*/nodes"; }
has_connections() { # NUMBER
	[ "$(S 'cat /sys/fs/qtfs_server/*/transport' | wc -l)" = "$1" ]
}

# A program on the server, in whose $W its number and what it says are kept; tells the number.
run_there() { # NAME CMD...
	S "rm -f $W/$1.pid; setsid bash -c 'echo \$\$ >$W/$1.pid; exec ${*:2}' </dev/null >$W/$1.out 2>&1 & until [ -s $W/$1.pid ]; do sleep 0.02; done"
	S "cat $W/$1.pid"
}
is_gone() { # NUMBER
	S "! kill -0 $1 2>/dev/null"
}

# As a user without other groups.
as() { # UID CMD...
	setpriv --reuid "$1" --regid "$1" --clear-groups "${@:2}"
}

# The command may cost so many requests at most. It is told as well how many it was.
costs() { # NAME MOST CMD...
	local name=$1 most=$2 before n status
	shift 2
	before=$(requests requests)
	awk '{ print $1, $2 }' /sys/fs/qtfs/*/stats >"$SCRATCH/stats"
	"$@" >"$SCRATCH/out" 2>&1
	status=$?
	n=$(($(requests requests) - before))
	if [ $status != 0 ]; then
		not_ok "$name" "exit status $status: $(tail -n 2 "$SCRATCH/out")"
	elif [ $n -gt "$most" ]; then
		not_ok "$name" "$n requests, $most are enough: $(awk 'NR == FNR { was[$1] = $2; next }
			$2 > was[$1] && $1 !~ /bytes/ { printf "%s %d ", $1, $2 - was[$1] }' "$SCRATCH/stats" /sys/fs/qtfs/*/stats)"
	else
		ok "$name: $n"
	fi
}

mount_qtfs() { # [-o OPTIONS] PATH DIR
	local options
	options=$(transport_options)
	if [ "$1" = -o ]; then
		options+=,$2
		shift 2
	fi
	modprobe qtfs && mkdir -p "$2" && mount -t qtfs -o "$options" "$1" "$2" && MOUNTED+=("$2")
}

umount_qtfs() { # DIR
	local dir left=()
	umount "$1" || return
	for dir in "${MOUNTED[@]}"; do
		[ "$dir" = "$1" ] || left+=("$dir")
	done
	MOUNTED=("${left[@]}")
}

# Breaks the client's connections; it makes new ones. Where they are no sockets, the next frame does it (QTFS_FAULT).
cut_off() {
	case $TRANS in
	tcp) ss -K state connected "( dport = :$SERVER_PORT )" >/dev/null 2>&1 ;;
	*) echo disconnect count=1 >/sys/kernel/debug/qtfs/fault ;;
	esac
}

# After whatever there was: a new mount of $D on $M works as if nothing had been.
honest() { # NAME
	check "$1: a mount" mount_qtfs "$D" "$M" || return
	check "$1: what is written is read" "mkdir -p $M/honest && seq 20000 >$M/honest/a && cmp $M/honest/a <(seq 20000) && mv $M/honest/a $M/honest/b"
	check "$1: the server has it" S "cmp $D/honest/b <(seq 20000)"
	check "$1: and loses it" "rm -r $M/honest && S '! [ -e $D/honest ]'"
	check "$1: umount" umount_qtfs "$M"
}

# ---- udsproxyd: one on each machine, at its own address ----

# Ours. With one guest it has to be the first, as the device for sockets on mounts is its.
start_proxy() { # [OPTIONS...]
	udsproxyd --address $CLIENT_IP --port 12121 --peer-address $SERVER_IP --peer-port 12121 --patience $((5 * RIG_SLOW)) \
		--whitelist "$SCRATCH/whitelist" --control /run/qtfs/client.sock --log-level debug "$@" >>"$SCRATCH/proxy.log" 2>&1 &
	PROXY=$!
}
start_server_proxy() { # [OPTIONS...]
	S "ulimit -n 65536; setsid udsproxyd --address $SERVER_IP --port 12121 --peer-address $CLIENT_IP --peer-port 12121 --log-level debug $* \
		</dev/null >>/run/qtfs/udsproxyd.log 2>&1 & echo \$! >/run/qtfs/udsproxyd.pid"
}
proxy_number() { # KEY
	qtinfo --json -u --control /run/qtfs/client.sock | sed -n "s/^ *\"$1\": *\([^,]*\),*\$/\1/p"
}
connected() { [ "$(proxy_number connected)" = true ]; }

# Both, where ours is allowed these paths and the server's what its whitelist says.
start_proxies() { # PATHS
	printf '[Udsconnect]\nPath=%s\n' "$1" >"$SCRATCH/whitelist"
	start_proxy && wait_for 5 eval "ls -l /proc/$PROXY/fd | grep -q /dev/qtfs_uds" && start_server_proxy && wait_for 10 connected
}
# Shows what they had to complain about.
stop_proxies() {
	kill "$PROXY"
	wait "$PROXY"
	S "kill \$(cat /run/qtfs/udsproxyd.pid); grep -v 'debug:\|info:' /run/qtfs/udsproxyd.log; true" >&"$RESULTS"
	grep -v 'debug:\|info:' "$SCRATCH/proxy.log" >&"$RESULTS"
	true
}

# ---- guides: a page of docs is done as it is written, its blocks of `sh host`, and those of the other machine ----

# What pages take for given: addresses, what is in /etc before, and a systemd, of which there is here what starts a unit's
# program. Then the blocks are numbered from 01.
GUIDE_SAVE="mkdir -p /run/saved && rsync -a /etc/ /run/saved/"
GUIDE_RESTORE="rsync -a --delete /run/saved/ /etc/; rm -rf /run/saved /usr/local/bin/systemctl"
guide_begin() { # PAGE
	bash -c "$GUIDE_SAVE" && S "$GUIDE_SAVE" || return
	ip addr add 192.168.10.11/24 dev link0
	S "ip addr add 192.168.10.10/24 dev link0"
	cat >"$SCRATCH/systemctl" <<'END'
#!/bin/bash
[ "$1" = enable ] || exit 0
shift 2
for unit; do
	value() { sed -n "s/^$1=//p" /lib/systemd/system/$unit.service /etc/systemd/system/$unit.service.d/*.conf 2>/dev/null | tail -n 1; }
	[ $unit != qtfs-engine ] || modprobe qtfs_server || exit
	file=$(value EnvironmentFile)
	file=${file#-}
	[ ! -e "$file" ] || . "$file"
	mkdir -p /run/qtfs /run/rexec
	eval "setsid $(value ExecStart | sed 's/--keep-sockets//')" </dev/null >>/run/qtfs/$unit.log 2>&1 &
done
END
	install "$SCRATCH/systemctl" /usr/local/bin/systemctl
	S -i "cat >/usr/local/bin/systemctl; chmod 755 /usr/local/bin/systemctl" <"$SCRATCH/systemctl"
	awk -v out="$SCRATCH/block" -f "$(dirname "$0")/blocks.awk" "/opt/qtfs/docs/$1"
	SERVER_STARTED=1
}
guide_blocks() { # host or client: how many there are
	find "$SCRATCH" -name "block*.$1" | wc -l
}
# What a block says is in out and errors.
guide_execute() { # NUMBER
	local block="$SCRATCH/block$1"
	if [ -e "$block.host" ]; then
		S -i "bash -e" <"$block.host"
	else
		bash -e "$block".* </dev/null
	fi >"$SCRATCH/out" 2>"$SCRATCH/errors" {RESULTS}>&- && return
	tail -n 2 "$SCRATCH/out" "$SCRATCH/errors"
	return 1
}
# The suite has ended what isn't here, and unmounted what it mounted.
guide_end() {
	[ $FAILURES = 0 ] || { tail -n 20 /run/qtfs/*.log; S "tail -n 20 /run/qtfs/*.log"; }
	pidof udsproxyd | xargs -r kill
	umount /mnt/host
	bash -c "$GUIDE_RESTORE"
	S "kill \$(pidof udsproxyd rexec_server); ip addr del 192.168.10.10/24 dev link0; $GUIDE_RESTORE"
	ip addr del 192.168.10.11/24 dev link0
}

# Three processes that make, link, rename and append until load_verify (racer.c), each in a directory of its own.
load_start() { # DIR
	local i
	RACERS=()
	for i in 1 2 3; do
		mkdir "$1/load$i" || return
		/usr/lib/qtfs/tests/racer load "$1/load$i" >"$SCRATCH/load$i" 2>&1 &
		RACERS+=($!)
	done
}
load_runs() { kill -0 "${RACERS[@]}" 2>/dev/null; }

# They get on: so many requests more than now are made.
load_works() { # REQUESTS
	wait_for 60 eval "[ \$(requests requests) -ge $(($(requests requests) + $1)) ] || ! load_runs"
}

# Ends them: each operation succeeded, and left on the server what it leaves when done once.
load_verify() { # DIR-ON-SERVER
	local i status said rounds
	kill "${RACERS[@]}" 2>/dev/null
	for i in 1 2 3; do
		wait "${RACERS[i - 1]}"
		status=$?
		said=$(tail -n 2 "$SCRATCH/load$i" | tr '\n' ' ')
		is "load $i: each operation succeeded" "$status" 0 || echo "# $said"
		rounds=${said%% *}
		is "load $i: and was done once" "$(S "cd $1/load$i && ls -d d* | wc -l; ls -d g* | wc -l; ls -d f* | wc -l; sort -u log | wc -l; wc -l <log;
			cat g* | tr -s 'f' '\n' | grep -c .; find . -name 'g*' -links 2 | wc -l" | tr '\n' ' ')" \
			"$rounds $rounds $rounds $rounds $rounds $rounds $rounds "
		echo "# load $i: $rounds rounds"
	done
	RACERS=()
}

# However a suite ends, it leaves the machines as it found them; the rig unloads the modules and checks.
tidy() {
	local i status=$?
	cd /
	[ ${#RACERS[@]} = 0 ] || kill "${RACERS[@]}" 2>/dev/null
	for ((i = ${#MOUNTED[@]} - 1; i >= 0; i--)); do
		umount "${MOUNTED[i]}" || not_ok "tidy up" "umount ${MOUNTED[i]} failed"
	done
	[ -z "$SERVER_STARTED" ] || stop_server || not_ok "tidy up" "the server does not stop"
	rm -rf "$SCRATCH"
	[ $FAILURES = 0 ] || exit 1
	exit $status
}
trap tidy EXIT
