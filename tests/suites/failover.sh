#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# timeout: 300
# guests: 1
# trans: tcp pcie
# expect-log: connection lost|connected again|has forgotten this client|is open again|no answer for|back by the first address|another server|has been waiting|can't be opened again|cannot connect
# alt=: a mount goes on by a second address, goes back to the first, and never to another server. With tcp, the first
# is a path that can be cut, and with pcie a window that goes. failover-more.sh does all of it.
. "$(dirname "$0")/lib.sh"

D=/srv/failover
M=/mnt/failover

# A path between client and server of which each end can be cut: a proxy that is told by its standard input.
# "off": it neither answers nor reads (a cable that is cut, silently); "refuse": it closes; "on".
cat >"$SCRATCH/path.py" <<'PY'
import select, socket, sys
listen, target = (sys.argv[1], int(sys.argv[2])), (sys.argv[3], int(sys.argv[4]))
server, peers, state = None, {}, "refuse"

def close(s):
    other = peers.pop(s, None)
    s.close()
    if other:
        peers.pop(other, None)
        other.close()

while True:
    reads = [sys.stdin] + ([server] if server else []) + (list(peers) if state == "on" else [])
    for s in select.select(reads, [], [])[0]:
        if s is sys.stdin:
            state = s.readline().strip()
            if not state:
                sys.exit()
            if state == "refuse":
                for one in list(peers):
                    close(one)
                if server:
                    server.close()
                server = None
            elif not server:
                server = socket.create_server(listen)
            print(state, flush=True)
            break
        elif s is server:
            near = s.accept()[0]
            if state == "on":
                far = socket.create_connection(target)
                peers[near], peers[far] = far, near
            else:
                peers[near] = None
        elif s in peers:
            try:
                data = s.recv(65536)
                if data and peers[s]:
                    peers[s].sendall(data)
                else:
                    close(s)
            except OSError:
                close(s)
PY
first() { # STATE
	if [ "$TRANS" = pcie ]; then
		local verb=unbind
		[ "$1" = on ] && verb=bind
		echo "$WINDOW" >/sys/bus/pci/drivers/qtfs/$verb
		return
	fi
	echo "$1" >&"${PATH_IN}" && read -r -t $((20 * RIG_SLOW)) -u "${PATH_OUT}" said && [ "$said" = "$1" ]
}
first_start() { # HOST PORT, of the server behind it
	WINDOW=$(basename "$(readlink /sys/bus/pci/drivers/qtfs/0000:*)" 2>/dev/null)
	[ "$TRANS" = pcie ] && return
	coproc PROXY { exec python3 "$SCRATCH/path.py" 127.0.0.1 4000 "$1" "$2"; }
	exec {PATH_IN}>&"${PROXY[1]}" {PATH_OUT}<&"${PROXY[0]}"
	PATH_PID=$PROXY_PID
}
first_stop() {
	[ "$TRANS" = pcie ] && return
	kill "$PATH_PID"
	exec {PATH_IN}>&- {PATH_OUT}<&-
}
goes_by() { grep -qF "$1" /sys/fs/qtfs/*/transport && [ "$(cat /sys/fs/qtfs/*/state)" = connected ]; }
moves() { stat_of moves; }
refused() { # NAME REGEX OPTIONS
	local said
	dmesg -C
	said=$(mount -t qtfs -o "$3" $D /mnt/refused 2>&1)
	is "$1" "$?" 32 && check "$1: says why" "{ dmesg; echo '$said'; } | grep -qE '$2'"
}

modprobe vsock_loopback
SERVERS=(qtfs_server_vsock_cid=1 qtfs_server_vsock_port=777)
[ "$TRANS" = pcie ] && SERVERS+=("qtfs_server_ip=$SERVER_IP" "qtfs_server_port=$SERVER_PORT")
mkdir -p $M /mnt/refused
check "the server starts" start_server "${SERVERS[@]}" || exit
rm -rf $D
mkdir $D
head -c 3M /dev/urandom >$D/large
modprobe qtfs
first_start "$SERVER_IP" "$SERVER_PORT"
FIRST=trans=tcp,addr=127.0.0.1,port=4000
FIRST_TEXT="tcp 127.0.0.1:4000"
HOWS="refuse off"
ALTS="vsock:1:777"
[ -n "$FAILOVER_MORE" ] && ALTS="tcp:$SERVER_IP:$SERVER_PORT $ALTS"
if [ "$TRANS" = pcie ]; then
	FIRST=trans=pcie
	FIRST_TEXT=pcie
	HOWS=refuse
	first refuse
fi

# ---- what alt= may be ----
for alt in tcp tcp:10.0.0.1:70000 tcp:name:5 loop:x nvme:1; do
	refused "alt=$alt" "alt=$alt: not TRANSPORT:ADDRESS:PORT" "$FIRST,alt=$alt"
done
refused "several connections by one that has one" "nconnect=2: trans=pcie has one connection" "$FIRST,nconnect=2,alt=pcie"

# ---- the mount itself ----
check "the first address doesn't answer: mount by the second" mount -t qtfs -o $FIRST,alt=tcp:$SERVER_IP:$SERVER_PORT $D $M || exit
check "it says by which" goes_by "tcp $SERVER_IP:$SERVER_PORT"
is "and which there are" "$(cat /sys/fs/qtfs/*/routes)" "0 $FIRST_TEXT
1 tcp $SERVER_IP:$SERVER_PORT"
check "findmnt shows it" "findmnt -n -o OPTIONS $M | grep -q 'alt=tcp:$SERVER_IP:$SERVER_PORT'"
check "a remount as it is" mount -o remount,attr_timeout=1000 $M
check "a remount with another is refused" '! mount -o remount,alt=vsock:1 $M'
check "the first comes" first on
check "it goes to the first" wait_for 20 goes_by "$FIRST_TEXT"
is "it is the same session" "$(sessions)" 1
check "umount" umount $M

# ---- under load: back and forth, by tcp on two addresses, then by tcp and vsock ----
for alt in $ALTS; do
	name=${alt%%:*}
	second="$name ${alt#*:}"
	rm -rf $D/load?
	check "$name: mount" mount -t qtfs -o $FIRST,timeo=3000,alt="$alt" $D $M || continue
	check "$name: by the first" goes_by "$FIRST_TEXT"
	exec {open}<$M/large
	head -c 10 <&$open >/dev/null
	check "$name: processes begin to work" load_start $M
	for how in $HOWS; do
		load_works 50 || not_ok "$name: they work before $how"
		check "$name: the first goes ($how)" first "$how"
		check "$name: it moves" wait_for 30 goes_by "$second"
		check "$name: they work by the second" load_works 50
		check "$name: the first is there again" first on
		check "$name: it moves back" wait_for 60 goes_by "$FIRST_TEXT"
		check "$name: they work by the first" load_works 50
	done
	is "$name: one session all the time" "$(sessions)" 1
	is "$name: nothing was opened again" "$(dmesg | grep -c 'is open again')" 0
	load_verify $D
	is "$name: an open file goes on" "$(head -c 100 <&$open | md5sum)" "$(tail -c +11 $D/large | head -c 100 | md5sum)"
	exec {open}<&-
	check "$name: umount" umount $M
done

# ---- another server: one that answers each HELLO with another boot ----
cat >"$SCRATCH/other.py" <<'PY'
import os, socket, struct, sys

VERSION = int(os.environ["QTFS_VERSION"])
HDR = struct.Struct("<IIHHIQQIIIHH")
s = socket.create_server((sys.argv[1], 4001))
boot = os.urandom(16)
print("listening", flush=True)
while True:
    c = s.accept()[0]
    asked = c.recv(4096)
    if len(asked) < 152:
        continue
    rejoin = struct.unpack_from("<H", asked, 104 + 46)[0] & 1
    h = list(HDR.unpack(asked[:HDR.size]))
    body = boot + struct.pack("<QQIIHHI", 1, 0, 1 << 20, 64, VERSION, VERSION, 0)
    h[1], h[3], h[7], h[10] = HDR.size + len(body), 1, 116 if rejoin else 0, len(body)
    c.sendall(HDR.pack(*h) + body)
    print("rejoin" if rejoin else "new", flush=True)
    c.recv(4096)
    c.close()
PY
python3 "$SCRATCH/other.py" 127.0.0.1 >"$SCRATCH/other" &
other=$!
check "another server listens" wait_for 10 test -s "$SCRATCH/other"
first on
check "other: mount" mount -t qtfs -o $FIRST,soft,timeo=3000,retrans=0,alt=tcp:127.0.0.1:4001 $D $M
echo text >$D/text
is "other: reads" "$(cat $M/text)" text
first refuse
check "other: is asked" wait_for 20 grep -q rejoin "$SCRATCH/other"
check "other: is known for another" wait_for 20 "dmesg | grep -q 'another server, or it has been booted'"
check "other: nothing is asked of it" '! cat $M/large >/dev/null'
is "other: nor is a session begun" "$(grep -c new "$SCRATCH/other")" 0
first on
check "other: the mount goes on when the first is back" wait_for 30 eval '[ "$(cat $M/text)" = text ]'
# A server of our own that was loaded again, with the other one at hand: it isn't taken for it.
first refuse
check "other: the server is loaded again" 'stop_engine && rmmod qtfs_server && start_server "${SERVERS[@]}"'
first on
check "other: the mount goes on" wait_for 30 eval '[ "$(cat $M/text)" = text ]'
is "other: no session was begun there" "$(grep -c new "$SCRATCH/other")" 0
kill $other
check "other: umount" umount $M

[ -n "$FAILOVER_MORE" ] || { first_stop; exit; }
if [ "$TRANS" = tcp ]; then
	# ---- several connections ----
	rm -rf $D/load?
	check "nconnect: mount" mount -t qtfs -o $FIRST,nconnect=3,alt=vsock:1:777 $D $M
	check "nconnect: three by the first" wait_for 10 eval 'grep -q "^3 tcp" /sys/fs/qtfs/*/routes'
	check "nconnect: processes begin to work" load_start $M
	load_works 50
	first refuse
	check "nconnect: all three move" wait_for 30 eval 'grep -q "^3 vsock" /sys/fs/qtfs/*/routes'
	check "nconnect: they work" load_works 50
	first on
	check "nconnect: all move back" wait_for 60 eval 'grep -q "^3 tcp" /sys/fs/qtfs/*/routes'
	load_verify $D
	check "nconnect: umount" umount $M
fi

# ---- the server is loaded again while the first address is away ----
check "reload: mount" mount -t qtfs -o $FIRST,alt=vsock:1:777 $D $M
exec {open}<$M/large
head -c 10 <&$open >/dev/null
first refuse
check "reload: the server is loaded again" 'stop_engine && rmmod qtfs_server && start_server "${SERVERS[@]}"'
is "reload: an open file goes on" "$(head -c 100 <&$open | md5sum)" "$(tail -c +11 $D/large | head -c 100 | md5sum)"
check "reload: by the second" goes_by "vsock 1:777"
exec {open}<&-
first on
check "reload: it moves back" wait_for 60 goes_by "$FIRST_TEXT"
check "reload: umount" umount $M
first_stop
