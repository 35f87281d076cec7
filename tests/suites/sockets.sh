#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# timeout: 300
# Unix sockets of the server, through the mount and in directories of both machines: programs that know nothing of it.
. "$(dirname "$0")/lib.sh"

M=/mnt/host
T=/usr/lib/qtfs/tests
D=/srv/sockets

whitelist "Udsconnect=$D;/run/shared"
check "the server starts" start_server || exit
check "mount of /" mount_qtfs / $M || exit
S "rm -rf $D; mkdir -p $D /run/shared; chmod 777 $D"
mkdir -p /run/shared "$SCRATCH/local"

exported() { S "qtinfo --json -u" | grep -q "\"exported\": *$1,"; }
connect() { # PATH
	python3 -c 'import socket, sys, errno
s = socket.socket(socket.AF_UNIX)
s.settimeout(20)
try:
    s.connect(sys.argv[1])
    print("connected")
except OSError as e:
    print(errno.errorcode[e.errno])' "$1"
}

fails_with "a socket without anybody" ENOENT python3 -c "import socket; socket.socket(socket.AF_UNIX).connect('$M$D/none')"
check "the proxies find each other" start_proxies "/run/shared;$M$D/here"

# ---- all that programs can tell ----
"$T/sockets" serve "$SCRATCH/local" >"$SCRATCH/served" &
LOCAL=$!
wait_for 5 grep -q ready "$SCRATCH/served"
"$T/sockets" ask "$SCRATCH/local" >"$SCRATCH/expected"
kill $LOCAL
S "setsid $T/sockets serve $D </dev/null >/run/qtfs/served 2>&1 & echo \$! >/run/qtfs/sockets.pid"
check "the server's sockets are known" wait_for 10 exported 3
check "a program of the client talks to the server's" \
	"with_timeout 100 $T/sockets ask $M$D >'$SCRATCH/told' 2>&1"
is "as if it were on the same machine" "$(diff "$SCRATCH/expected" "$SCRATCH/told" | grep -v '^[<>] - \|^[0-9,c]*$\|^---')" ""
is "who is connected to has the path that was asked for" "$(head -n 1 "$SCRATCH/told")" "getpeername: /stream"
is "three sockets are listened to here" "$(proxy_number shown)" 3
is "another user isn't allowed more than there" "$(S "chmod 600 $D/stream"; setpriv --reuid 1000 --clear-groups python3 -c '
import socket
try:
    socket.socket(socket.AF_UNIX).connect("'$M$D/stream'")
except PermissionError:
    print("EACCES")')" EACCES
S "chmod 777 $D/stream"

# ---- files of a mount that are passed ----
# By their tickets, as the proxies do (common/uds.h): prints the error, or what is read.
take() { # TICKET
	S "python3 - <<'END'
import errno, fcntl, os
device = os.open('/dev/qtfs_server_uds', os.O_RDONLY)
try:
    file = fcntl.ioctl(device, 0x4030f806, bytes.fromhex('$1'))
except OSError as e:
    print(errno.errorcode[e.errno])
END"
}
echo content >$M$D/read
exec 7<$M$D/read
ticket=$(python3 -c 'import fcntl; print(fcntl.ioctl(7, 0x8030f805, bytes(48)).hex())')
is "an open file can be taken by what the server knows it by" "$(take "$ticket")" ""
is "by no other user than root" "$(setpriv --reuid 1000 --clear-groups python3 -c 'import fcntl
try:
    fcntl.ioctl(7, 0x8030f805, bytes(48))
except PermissionError:
    print("EPERM")')" EPERM
is "not of another client" "$(take "${ticket:30:2}${ticket:0:30}${ticket:32}")" ENOENT
is "nor one that isn't open" "$(take "${ticket:0:48}ffffffffffffffff${ticket:64}")" ENOENT
is "nor for writing, as it isn't open for that" "$(take "${ticket:0:80}02000000${ticket:88}")" EACCES
is "nor with flags that aren't passed" "$(take "${ticket:0:80}00020000${ticket:88}")" EINVAL
exec 7<&-
is "and not when it is closed" "$(sync; rm -f $M$D/read; wait_for 5 eval "[ \"\$(take $ticket)\" = ENOENT ]"; take "$ticket")" ENOENT

# ---- it comes and goes as the server's ----
S "kill \$(cat /run/qtfs/sockets.pid)"
check "the end of the program is seen" wait_for 10 exported 0
is "then it is as a dead socket" "$(connect $M$D/stream)" ECONNREFUSED
S "setsid $T/socketload serve $D/load </dev/null >/run/qtfs/served 2>&1 & echo \$! >/run/qtfs/load.pid"
check "one that has just been made" wait_for 10 eval "[ \"\$(connect $M$D/load)\" = connected ]"
# However late its proxy hears of it.
S "kill -STOP \$(cat /run/qtfs/udsproxyd.pid)"
S "setsid $T/socketload serve $D/late </dev/null >/run/qtfs/late 2>&1 & echo \$! >/run/qtfs/late.pid"
check "one that the server's proxy doesn't know of" wait_for 10 S "grep -q $D/late /proc/net/unix"
connect $M$D/late >"$SCRATCH/late" &
sleep 1	# as long as nobody waits who has no link
S "kill -CONT \$(cat /run/qtfs/udsproxyd.pid)"
wait $!
is "is connected to when it does" "$(cat "$SCRATCH/late")" connected
S "kill \$(cat /run/qtfs/late.pid)"
check "1000 connections at once" with_timeout 60 "$T/socketload" many $M$D/load 1000
check "1000 one after the other" with_timeout 60 "$T/socketload" cycles $M$D/load 1000
"$T/socketload" stuck $M$D/load 3 >"$SCRATCH/stuck" &
STUCK=$!
check "some get stuck" wait_for 30 grep -q stuck "$SCRATCH/stuck"
check "and stop nobody else" with_timeout 60 "$T/socketload" send $M$D/load 16
kill $STUCK

# ---- a server that doesn't answer holds up nobody but who asked ----
S -i "cat >$D/give.py" <<'PY'
import os, socket, sys, time
where = sys.argv[1]
listener = socket.socket(socket.AF_UNIX)
listener.bind(where + "/give")
listener.listen()
connection = listener.accept()[0]
open(where + "/accepted", "w").close()
while not os.path.exists(where + "/go"):
    time.sleep(0.02)
with open(where + "/give.py") as file:
    socket.send_fds(connection, [b"f"], [file.fileno()])
PY
cat >"$SCRATCH/take.py" <<'PY'
import os, socket, sys, time
def connect(name):
    s = socket.socket(socket.AF_UNIX)
    for i in range(1000):
        try:
            s.connect(sys.argv[1] + name)
            return s
        except OSError:
            time.sleep(0.02)
taking, echo = connect("/give"), connect("/load")
echo.sendall(b"e")
print("ready", flush=True)
sys.stdin.readline()
time.sleep(0.5)
echo.settimeout(5)
echo.sendall(b"hello")
print(echo.recv(5).decode(), flush=True)
fds = socket.recv_fds(taking, 1, 1)[1]
print(os.read(fds[0], 9).decode(), flush=True)
PY
S "setsid python3 $D/give.py $D </dev/null >/run/qtfs/give.log 2>&1 &"
mkfifo "$SCRATCH/go"
python3 "$SCRATCH/take.py" $M$D <"$SCRATCH/go" >"$SCRATCH/taken" 2>&1 &
TAKER=$!
exec 8>"$SCRATCH/go"
check "a program waits for a file" wait_for 30 eval "grep -q ready '$SCRATCH/taken' && S 'test -e $D/accepted'"
check "the engine stops" stop_engine
S "touch $D/go"
echo >&8
check "others are served" wait_for 10 grep -q hello "$SCRATCH/taken"
is "and asked" "$(with_timeout 5 connected; echo $?)" 0
is "while the file isn't there" "$(cat "$SCRATCH/taken")" $'ready\nhello'
check "the engine starts" start_engine
wait $TAKER
is "then it comes" "$(tail -n 1 "$SCRATCH/taken")" "import os"
exec 8>&-

# ---- the proxy dies ----
kill -9 "$PROXY"
wait "$PROXY"
is "without the proxy there is nobody" "$(connect $M$D/load)" ECONNREFUSED
start_proxy
check "it is back" wait_for 10 connected
check "and with it the socket" wait_for 10 eval "[ \"\$(connect $M$D/load)\" = connected ]"
check "a round trip" "$T/socketload" rtt $M$D/load 10

# ---- programs of the client that listen on the mount ----
theirs() { # PATH: as connect, by a program of the server
	S "python3 -c 'import socket, errno
s = socket.socket(socket.AF_UNIX)
s.settimeout(20)
try:
    s.connect(\"$1\")
    print(\"connected\")
except OSError as e:
    print(errno.errorcode[e.errno])'"
}
S "mkdir -m 777 $D/here $D/else"
"$T/sockets" serve "$M$D/here" >"$SCRATCH/served" &
HERE=$!
wait_for 10 grep -q ready "$SCRATCH/served"
S "timeout 100 $T/sockets ask $D/here" >"$SCRATCH/asked" 2>&1
is "a program of the server talks to the client's, as to its own machine's" \
	"$(diff "$SCRATCH/expected" "$SCRATCH/asked" | grep -v '^[<>] - \|^[0-9,c]*$\|^---')" ""
is "by the path that the server has" "$(head -n 1 "$SCRATCH/asked")" "getpeername: /stream"
"$T/sockets" ask "$M$D/here" >"$SCRATCH/own" 2>&1
is "and the client's own as ever" "$(diff "$SCRATCH/expected" "$SCRATCH/own" | grep -v '^[<>] - \|^[0-9,c]*$\|^---')" ""
is "a socket is the file that it was" "$(S "stat -c %i $D/here/stream")" "$(stat -c %i $M$D/here/stream)"
mv $M$D/here/stream $M$D/here/moved
check "one that was renamed is found by its new name" wait_for 10 eval "[ \"\$(theirs $D/here/moved)\" = connected ]"
kill -9 "$PROXY"
wait "$PROXY"
start_proxy
check "and with it there is again" wait_for 10 eval "[ \"\$(theirs $D/here/moved)\" = connected ]"
kill $HERE
check "the end of the program is seen there" wait_for 10 eval "[ \"\$(theirs $D/here/moved)\" = ECONNREFUSED ]"
is "the file stays, as files of sockets do" "$(S "test -S $D/here/moved; echo \$?")" 0
"$T/socketload" serve $M$D/else/load >/dev/null &
ELSE=$!
"$T/socketload" serve $M$D/here/load >/dev/null &
HERE=$!
check "one that has just been made" wait_for 10 eval "[ \"\$(theirs $D/here/load)\" = connected ]"
is "what isn't in the client's [Udsconnect] isn't reached" "$(theirs $D/else/load)" ECONNREFUSED
check "100 one after the other" S "timeout 60 $T/socketload cycles $D/here/load 100"
check "much" S "timeout 60 $T/socketload send $D/here/load 4"
kill $HERE $ELSE
check "a socket that is unlinked is gone" "rm $M$D/here/load && [ \"\$(theirs $D/here/load)\" = ENOENT ]"
"$T/socketload" serve $M$D/here/load >/dev/null &
HERE=$!
check "and can be made again" wait_for 10 eval "[ \"\$(theirs $D/here/load)\" = connected ]"
kill $HERE

# ---- directories that are on no mount ----
if [ "$RIG_GUESTS" = 2 ]; then
	S "setsid $T/socketload serve /run/shared/there </dev/null >/run/qtfs/served 2>&1 &"
	check "the server's socket is here" wait_for 10 test -S /run/shared/there
	check "and can be used" "$T/socketload" rtt /run/shared/there 10
	"$T/socketload" serve /run/shared/here >/dev/null &
	check "ours is there" S "for ((i = 0; i < 100; i++)); do [ -S /run/shared/here ] && break; sleep 0.1; done
		$T/socketload rtt /run/shared/here 10"
	kill $!
fi

# ---- nothing is held ----
check "the mount isn't busy" umount_qtfs $M
check "nor the file system kept" wait_for 10 eval "[ \$(proxy_number shown) -le 1 ]"
kill "$PROXY"
check "the proxy ends" wait $PROXY
check "and its control socket with it" eval "! test -e /run/qtfs/client.sock"
check "the module can go" wait_for 5 rmmod qtfs
S "kill \$(cat /run/qtfs/udsproxyd.pid /run/qtfs/load.pid); true"
check "as does the server's" wait_for 5 S "! test -e /run/qtfs/udsproxyd.sock"
grep -v 'debug:\|info:' "$SCRATCH/proxy.log"
S "grep -v 'debug:\|info:' /run/qtfs/udsproxyd.log"
true
