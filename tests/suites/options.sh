#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# timeout: 300
# trans: tcp
# Mounting: bad options and addresses, servers that are not there or speak otherwise; several mounts; nothing is left.
. "$(dirname "$0")/lib.sh"

M=/mnt/options
OK="trans=tcp,addr=$SERVER_IP,port=$SERVER_PORT"
mkdir -p $M

# What the kernel log says since mark.
mark() { echo "mark $EPOCHREALTIME" | tee "$SCRATCH/mark" >/dev/kmsg; }
log_since() { dmesg | sed "1,/$(cat "$SCRATCH/mark")/d"; }

# Writes the whitelist anew, and returns when the engine has read it.
rewrite_whitelist() { # [SECTION=PATHS]...
	local before
	before=$(S "grep -c ' loaded' /run/qtfs/engine.log")
	whitelist "$@"
	S "kill -HUP \$(pidof qtfs-engine)"
	wait_for 10 S "[ \$(grep -c ' loaded' /run/qtfs/engine.log) -gt $before ]"
}

# A mount that has to fail: with status 32, soon, and saying why in the kernel log, or, if mount(8) itself knows, there.
refused() { # NAME REGEX OPTIONS PATH [LIMIT]
	local name=$1 start=$EPOCHREALTIME status took
	mark
	timeout -k 1 30 mount -t qtfs -o "$3" "$4" $M >"$SCRATCH/said" 2>&1
	status=$?
	took=$(((${EPOCHREALTIME/./} - ${start/./}) / 1000))
	if [ $status != 32 ]; then
		not_ok "$name" "mount ended with $status: $(tr '\n' ' ' <"$SCRATCH/said")"
		[ $status != 0 ] || umount $M
	elif [ $took -gt $((${5:-10} * 1000)) ]; then
		not_ok "$name" "took $took ms"
	elif ! { cat "$SCRATCH/said" && log_since; } | grep -qiE "$2"; then
		not_ok "$name" "not said why: $({ cat "$SCRATCH/said" && log_since; } | tr '\n' ' ')"
	else
		ok "$name ($took ms)"
	fi
}

modprobe qtfs
# ---- what is wrong with the words ----
refused "an unknown option" 'nonsense' "$OK,nonsense" /
refused "an unknown option with a value" 'nonsense' "$OK,nonsense=1" /
refused "an unknown transport" 'trans=pigeon|pigeon' "trans=pigeon,addr=$SERVER_IP" /
refused "a link without a target" 'link=proc/self: not NAME:TARGET' "$OK,link=proc/self" /
refused "a link above the mount" 'not NAME:TARGET' "$OK,link=/proc/self:/proc/self" /
refused "no address at all" 'no server named|addr=' "trans=tcp" /
refused "no options at all" 'no server named|addr=' "rw" /
refused "an address that is none" 'addr=nonsense' "trans=tcp,addr=nonsense" /
refused "an empty address" 'addr' "trans=tcp,addr=" /
refused "an address with too much" 'addr' "trans=tcp,addr=$SERVER_IP.1" /
refused "port 0" 'port' "trans=tcp,addr=$SERVER_IP,port=0" /
refused "port 65536" 'port' "trans=tcp,addr=$SERVER_IP,port=65536" /
refused "port -1" 'port' "trans=tcp,addr=$SERVER_IP,port=-1" /
refused "port x" 'port' "trans=tcp,addr=$SERVER_IP,port=x" /
refused "a port of 2^32+1" 'port' "trans=tcp,addr=$SERVER_IP,port=4294967297" /
refused "a timeout that is no number" 'attr_timeout' "$OK,attr_timeout=x" /
refused "a timeout of years" 'timeout' "$OK,entry_timeout=4000000000" /
refused "a relative path" 'absolute' "$OK" srv
refused "a path of 5000 bytes" 'too long|mount|ENAMETOOLONG' "$OK" "/$(printf 'a%.0s' {1..5000})"
is "nothing of all that is left" "$(ls /sys/fs/qtfs | wc -l)" 0

# ---- servers that are not there ----
refused "nobody listens" "refused|-111|$SERVER_IP" "trans=tcp,addr=$SERVER_IP,port=9" /
refused "an address that nobody has" "10.77.0.99" "trans=tcp,addr=10.77.0.99,port=1" /
ip route add blackhole 10.99.0.0/16 2>/dev/null
refused "an address without a way" "10.99.0.1" "trans=tcp,addr=10.99.0.1,port=1" /
# Packets that vanish: nobody takes the connections of this port, and its queue is full.
cat >"$SCRATCH/full.py" <<'PY'
import socket, sys
s = socket.socket()
s.bind(("127.0.0.1", 0))
s.listen(0)
queued = []
while True:
    c = socket.socket()
    c.settimeout(0.5)
    try:
        c.connect(s.getsockname())
    except TimeoutError:
        break
    queued.append(c)
print(s.getsockname()[1], flush=True)
sys.stdin.read()
PY
coproc FULL { exec python3 "$SCRATCH/full.py" 2>&1; }
read -r port <&"${FULL[0]}"
refused "packets that vanish" "127.0.0.1" "trans=tcp,addr=127.0.0.1,port=$port" /
timeout -k 1 20 mount -t qtfs -o "trans=tcp,addr=127.0.0.1,port=$port" / $M 2>/dev/null &
mounter=$!
check "a mount on its way" wait_for 5 pgrep -x mount
pkill -KILL -x mount
check "is killed by SIGKILL at once" wait_for 2 eval '! pgrep -x mount'
kill "$FULL_PID"
wait $mounter 2>/dev/null
is "and nothing is left" "$(ls /sys/fs/qtfs | wc -l) $(grep -c qtfs /proc/mounts)" "0 0"

# ---- servers that speak otherwise ----
cat >"$SCRATCH/fake.py" <<'PY'
import os, socket, struct, sys

VERSION = int(os.environ["QTFS_VERSION"])
# Answers each connection's HELLO as said.
kind, address = sys.argv[1], sys.argv[2]
s = socket.socket()
s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
s.bind((address, 0))
s.listen(8)
print(s.getsockname()[1], flush=True)
HDR = struct.Struct("<IIHHIQQIIIHH")
def frame(body, status=0, magic=0x53465451, op=1, flags=1, slot=0xffffffff, length=None, seq=0):
    return HDR.pack(magic, 48 + len(body) if length is None else length, op, flags, slot, seq, 0, status, 0, 0, len(body), 0) + body
def rep(version=VERSION, version_min=VERSION, max_data=1 << 20, slots=64, features=0):
    return bytes(16) + struct.pack("<QQIIHHI", 1, features, max_data, slots, version, version_min, 0)
while True:
    c, _ = s.accept()
    if kind == "silent":
        c.recv(4096); keep = c; continue
    if kind == "closes":
        c.close(); continue
    c.recv(4096)
    c.sendall({
        "version": lambda: frame(rep(9, 7), status=93),
        "refuses": lambda: frame(rep(), status=11),
        "magic": lambda: frame(rep(), magic=0x12345678),
        "garbage": lambda: b"HTTP/1.1 400 Bad Request\r\n\r\n" * 10,
        "length": lambda: frame(rep(), length=1 << 30),
        "no-slots": lambda: frame(rep(slots=0)),
        "slots": lambda: frame(rep(slots=1 << 31)),
        "data": lambda: frame(rep(max_data=16)),
        "features": lambda: frame(rep(features=1 << 63)),
        "other-version": lambda: frame(rep(version=1)),
        "op": lambda: frame(rep(), op=2),
        "request": lambda: frame(rep(), flags=0),
        "short": lambda: frame(rep())[:70],
        "event": lambda: frame(rep()) + HDR.pack(0x53465451, 72, 28, 1, 0xffffffff, 0, 1, 0, 0, 24, 0, 0) +
                         struct.pack("<QIIIHH", 0, 0, 0, 0, 4, 0),
    }[kind]())
    if kind in ("short", "garbage"):
        c.shutdown(socket.SHUT_WR)
    keep = c
PY
fake() { # KIND NAME REGEX
	local server port
	coproc FAKE { exec python3 "$SCRATCH/fake.py" "$1" 127.0.0.1 2>&1; }
	# shellcheck disable=SC2153 # bash sets it
	server=$FAKE_PID
	read -r port <&"${FAKE[0]}"
	refused "$2" "$3" "trans=tcp,addr=127.0.0.1,port=$port" /
	kill "$server"
	wait "$server" 2>/dev/null
}
fake version "a server of another version: both are named" "version.*($QTFS_VERSION.*(7.*9|9.*7)|(7.*9|9).*$QTFS_VERSION)"
fake refuses "a server that has no place" '127.0.0.1'
fake silent "a server that says nothing" '127.0.0.1'
fake closes "a server that hangs up" '127.0.0.1'
for kind in magic garbage length no-slots slots data features other-version op request short; do
	fake $kind "a server that answers nonsense: $kind" '127.0.0.1'
done
fake event "a server that tells events of nothing, and nothing else" 'no answer'
is "nothing is left of them" "$(ls /sys/fs/qtfs | wc -l) $(grep -c qtfs /proc/mounts)" "0 0"

# ---- server paths ----
check "the server starts" start_server || exit
S "mkdir -p /srv/options/a/b && echo x >/srv/options/file && ln -sfn a /srv/options/link && ln -sfn /none /srv/options/dangling"
refused "a path that is not there" 'no such directory' "$OK" /srv/options/none
refused "a file" 'not a directory' "$OK" /srv/options/file
refused "below a file" 'not a directory' "$OK" /srv/options/file/x
refused "a link that leads nowhere" 'no such directory' "$OK" /srv/options/dangling
refused "a component of 256 bytes" 'too long|36|could not' "$OK" "/srv/$(printf 'a%.0s' {1..256})"
check "a link is followed" mount -t qtfs -o "$OK" /srv/options/link $M
is "and leads there" "$(ls $M)" b
umount $M
check "the list is changed" rewrite_whitelist Mount=/srv/options/a
refused "a path that is not in [Mount]" 'whitelist' "$OK" /srv/options
refused "/ is not in [Mount]" 'whitelist' "$OK" /
check "what is in it" mount -t qtfs -o "$OK" /srv/options/a $M
umount $M
check "the list is changed back" rewrite_whitelist

# ---- several mounts ----
check "a mount" mount_qtfs /srv/options /mnt/one
check "a second one of the same" mount_qtfs /srv/options /mnt/two
check "a third of another path" mount_qtfs / /mnt/three
is "each is a session here" "$(find /sys/fs/qtfs -mindepth 1 -maxdepth 1 -type d | wc -l)" 3
is "and there" "$(S 'find /sys/fs/qtfs_server -mindepth 1 -maxdepth 1 -type d | wc -l')" 3
is "connected" "$(cat /sys/fs/qtfs/*/state | sort -u)" connected
check "what one writes the others read" "echo one >/mnt/one/said && [ \"\$(cat /mnt/two/said)\" = one ] && [ \"\$(cat /mnt/three/srv/options/said)\" = one ]"
for i in one two three; do
	(cd "/mnt/$i" && case $i in three) cd srv/options ;; esac && mkdir "$i" && for n in $(seq 30); do echo "$n" >"$i/$n" || exit; done) &
done
wait
is "all of them at once" "$(S 'cd /srv/options && cat one/* two/* three/* | wc -l')" 90
check "options are shown" "findmnt -n -o OPTIONS /mnt/one | grep -q 'trans=tcp.*entry_timeout=.*attr_timeout='"
check "remount with another timeout" mount -o remount,attr_timeout=2000 /mnt/one
check "is shown" "findmnt -n -o OPTIONS /mnt/one | grep -q attr_timeout=2000"
check "a short one" mount -o remount,attr_timeout=5 /mnt/one
check "is shown as it was given" "findmnt -n -o OPTIONS /mnt/one | grep -qw attr_timeout=5"
check "remount read-only" mount -o remount,ro /mnt/one
fails_with "and nothing is written" EROFS touch /mnt/one/x
check "the others still write" touch /mnt/two/x
mark
mount -o remount,addr=10.0.0.1 /mnt/one 2>/dev/null
is "a remount doesn't change the server" $? 32
check "and says so" "log_since | grep -q 'server can.t be changed'"
check "umount of one" umount_qtfs /mnt/two
check "leaves the others" "cat /mnt/one/said /mnt/three/srv/options/said"
check "a mount in use is busy" bash -c 'cd /mnt/one && umount /mnt/one 2>&1 | grep -q busy'
fails_with "a module in use can't go" EBUSY python3 -c 'import ctypes,os,sys
l = ctypes.CDLL(None, use_errno=True)
if l.syscall(176, b"qtfs", 0x800): sys.exit(os.strerror(ctypes.get_errno()).replace("Resource temporarily unavailable", "Device or resource busy"))'
check "umount of all" "umount_qtfs /mnt/one && umount_qtfs /mnt/three"
is "no session here" "$(find /sys/fs/qtfs -mindepth 1 -maxdepth 1 -type d | wc -l)" 0
check "nor there" wait_for 5 S '[ $(find /sys/fs/qtfs_server -mindepth 1 -maxdepth 1 -type d | wc -l) = 0 ]'
check "rmmod of the client" rmmod qtfs
check "the server stops, too" stop_server

# ---- the modules' parameters ----
bad_module() { # NAME REGEX WHERE MODULE PARAMETERS...
	local name=$1 regex=$2 where=$3 module=$4
	shift 3
	if [ "$where" = server ]; then
		S "modprobe $*; status=\$?; dmesg | tail -n 8; [ \$status = 0 ] && rmmod $module; exit \$status" >"$SCRATCH/said" 2>&1
	else
		{ modprobe "$@" && rmmod "$module"; } >"$SCRATCH/said" 2>&1
	fi
	local status=$?
	[ "$where" = server ] || dmesg | tail -n 8 >>"$SCRATCH/said"
	if [ $status = 0 ]; then
		not_ok "$name" "it loads"
	elif grep -qE "$regex" "$SCRATCH/said"; then
		ok "$name"
	else
		not_ok "$name" "$(tr '\n' ' ' <"$SCRATCH/said")"
	fi
}
bad_module "server: a bad address" 'qtfs_server_ip=nonsense' server qtfs_server qtfs_server_ip=nonsense
bad_module "server: an address of another machine" "can't listen" server qtfs_server qtfs_server_ip=192.0.2.1
bad_module "server: a bad port" 'no address|port' server qtfs_server qtfs_server_ip=$SERVER_IP qtfs_server_port=0
bad_module "server: a port of 65536" 'no address|port' server qtfs_server qtfs_server_ip=$SERVER_IP qtfs_server_port=65536
bad_module "server: a port in use" "can't listen" server qtfs_server qtfs_server_ip=$SERVER_IP qtfs_server_port=5000
bad_module "server: a bad log level" 'qtfs_log_level|Invalid' server qtfs_server qtfs_log_level=LOUD
bad_module "server: max_slots=0" 'max_slots' server qtfs_server max_slots=0
bad_module "server: max_data=17" 'max_data' server qtfs_server max_data=17
bad_module "client: a bad log level" 'qtfs_log_level|Invalid' client qtfs qtfs_log_level=LOUD
bad_module "client: a bad port" 'qtfs_server_port' client qtfs qtfs_server_port=x
bad_module "client: port 65536" 'qtfs_server_port' client qtfs qtfs_server_port=65536
check "client: defaults by parameters" modprobe qtfs "qtfs_server_ip=$SERVER_IP" "qtfs_server_port=$SERVER_PORT"
check "the server again" start_server
check "mount without options" mount -t qtfs /srv/options $M
is "it is the one" "$(cat $M/said)" one
check "umount" umount $M
check "rmmod" rmmod qtfs
