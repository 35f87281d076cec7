#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# timeout: 400
# expect-log: connection lost|connected again|has forgotten this client|is open again|gone for too long|has been waiting|no answer for
# Connections break and the mount goes on: nothing is lost, nothing is done twice, nobody hears of it.
. "$(dirname "$0")/lib.sh"

D=/srv/session
M=/mnt/session
SOFT=/mnt/session-soft
FAULT=/sys/kernel/debug/qtfs_server/fault
CLIENT=/sys/fs/qtfs
SERVER=/sys/fs/qtfs_server

server_stat() { S "awk '\$1 == \"$1\" { print \$2 }' $SERVER/stats"; }
state() { cat $CLIENT/*/state; }
in_flight() { cat /sys/kernel/debug/qtfs/*/ops | grep -q "$1"; }

check "the server starts" start_server || exit
S "rm -rf $D && mkdir $D && seq 300000 >$D/large && echo old >$D/f"
check "mount" mount_qtfs $D $M || exit
is "the server has a session" "$(sessions)" 1

# ---- a cut is not noticed ----
exec {open}<$M/large
head -c 10 <&$open >/dev/null
before=$(stat_of reconnects)
cut_off
check "files go on to be read" cmp $M/large $D/large
is "and written" "$(echo new >$M/f && S "cat $D/f")" new
is "an open file goes on" "$(tail -c 7 <&$open)" 300000
exec {open}<&-
check "it had been connected again" [ "$(stat_of reconnects)" -gt "$before" ]
is "it is the same session" "$(sessions) $(S "cat $SERVER/*/client | cut -d' ' -f2")" "1 1"
is "its state" "$(state)" connected
S "echo changed >$D/f; mkdir $D/new"
cut_off
S "echo again >$D/f; mkdir $D/newer"
check "what changed while it was cut is seen" wait_for 5 eval '[ "$(cat $M/f)" = again ] && [ -d $M/new ] && [ -d $M/newer ]'

# ---- cut again and again, under load ----
check "processes begin to work" load_start $M || exit
for cuts in {1..15}; do
	load_works 50 || not_ok "they work after $cuts cuts"
	cut_off
done
check "they work on" load_works 50
echo "# $(stat_of reconnects) new connections, $(stat_of resent) requests sent again, $(server_stat repeated) known to the server"
check "it was connected again each time" [ "$(stat_of reconnects)" -ge "$cuts" ]
load_verify $D
is "both sides list the same" "$(cd $M && find . -printf '%p %y %s\n' | sort | md5sum)" \
	"$(S "cd $D && find . -printf '%p %y %s\n' | sort" | md5sum)"

# ---- nothing is left behind ----
rm -rf $M/load?
echo 2 >/proc/sys/vm/drop_caches
check "nodes and opens go" wait_for 10 eval "[ \$(S 'cat $SERVER/*/opens') = 0 ] && [ \$(S 'cat $SERVER/*/nodes') -le 8 ]"
check "umount" umount_qtfs $M
check "the session ends with the mount" wait_for 5 eval '[ $(sessions) = 0 ]'

# ---- by hand: repeats, and a client that is gone ----
if [ "$TRANS" = tcp ]; then
	cat >"$SCRATCH/client.py" <<'PY'
import os, socket, struct, sys

VERSION = int(os.environ["QTFS_VERSION"])

address, port, root = sys.argv[1], int(sys.argv[2]), sys.argv[3].encode()
HDR = struct.Struct("<IIHHIQQIIIHH")
REQ = struct.Struct("<QQQIIQIHHHHI")
MAGIC, NO_SLOT, CLIENT = 0x53465451, 0xffffffff, os.urandom(16)
HELLO, ATTACH, GETATTR, MKDIR, UNLINK, READ, OPEN, PING, BYE = 1, 2, 5, 8, 12, 18, 15, 27, 31
ESTALE = 116

def frame(op, slot=0, seq=1, body=b"", name=b"", node=0, open_=0):
    args = body + name
    return (HDR.pack(MAGIC, 104 + len(args), op, 0, slot, seq, 0, 0, 0, 0, len(body), 0) +
            REQ.pack(node, 0, open_, 0, 0, 0, 0, 0o22, len(name), 0, 0, 1) + args)

class Connection:
    def __init__(self, epoch=1, rejoin=0):
        self.s = socket.create_connection((address, port))
        body = struct.pack("<16sQQIIHHHH", CLIENT, epoch, 0, 1 << 20, 8, VERSION, VERSION, 0, rejoin)
        self.send(frame(HELLO, NO_SLOT, 0, body, b"by hand"))
        self.status, body = self.reply()
        self.session = struct.unpack_from("<Q", body, 16)[0]
    def send(self, data):
        self.s.sendall(data)
    def recv(self, n):
        data = b""
        while len(data) < n:
            more = self.s.recv(n - len(data))
            if not more:
                raise SystemExit("closed")
            data += more
        return data
    def reply(self):
        while True:
            h = HDR.unpack(self.recv(48))
            rest = self.recv(h[1] - 48)
            if h[2] != 28:              # NOTIFY
                return h[7], rest
    def call(self, *args, **kw):
        self.send(frame(*args, **kw))
        return self.reply()
    def cut(self):
        self.s.close()

def say(name, got, expected):
    print("ok" if got == expected else f"not ok {got} {expected}", name, flush=True)

def wait():
    print("waiting", flush=True)
    sys.stdin.readline()

c = Connection()
say("HELLO", c.status, 0)
status, rep = c.call(ATTACH, 0, 1, name=root)
node = struct.unpack_from("<Q", rep)[0]
mkdir = frame(MKDIR, 1, 1, struct.pack("<II", 0o755, 0), b"made", node)
c.send(mkdir)
first = c.reply()
say("MKDIR", first[0], 0)
c.send(mkdir)
say("a repeat gets the same answer", c.reply(), first)
session = c.session
c.cut()
c = Connection(rejoin=1)
say("the session is there", (c.status, c.session), (0, session))
c.send(mkdir)
say("a repeat on another connection gets the same answer", c.reply(), first)
say("the next one is carried out", c.call(MKDIR, 1, 2, struct.pack("<II", 0o755, 0), b"made", node)[0], 17)
say("an error is repeated as well", c.call(MKDIR, 1, 2, struct.pack("<II", 0o755, 0), b"made", node)[0], 17)
o = c.call(OPEN, 2, 1, struct.pack("<II", 0, 0), b"", c.call(4, 3, 1, name=b"f", node=node)[1] and
           struct.unpack_from("<Q", c.call(4, 3, 1, name=b"f", node=node)[1])[0])
say("OPEN", o[0], 0)
read = dict(body=struct.pack("<QII", 0, 100, 0), open_=struct.unpack_from("<Q", o[1])[0])
say("READ", c.call(READ, 4, 1, **read), (0, b"again\n"))
say("READ repeated", c.call(READ, 4, 1, **read), (0, b"again\n"))

wait()                                  # the engine is stopped
c.send(frame(MKDIR, 5, 1, struct.pack("<II", 0o755, 0), b"made2", node))
say("PING", c.call(PING, 6, 1)[0], 0)
old = c
c = Connection(rejoin=1)                # takes the other's place
c.send(frame(MKDIR, 5, 1, struct.pack("<II", 0o755, 0), b"made2", node))
say("PING", c.call(PING, 6, 2)[0], 0)
try:
    gone = old.s.recv(1) == b""
except ConnectionResetError:
    gone = True
say("the old connection is closed", gone, True)
wait()                                  # and started
say("what ran meanwhile is answered here", c.reply()[0], 0)
c.cut()

wait()                                  # the lease has run out
c = Connection(rejoin=1)
say("a session that has ended is not found", c.status, ESTALE)
c.cut()
c = Connection(epoch=2)
say("a new one", c.status, 0)
c.call(ATTACH, 0, 1, name=root)
say("BYE", c.call(BYE, 1, 1)[0], 0)
c.cut()
print("end", flush=True)
PY
	coproc CLIENT_BY_HAND { exec python3 "$SCRATCH/client.py" $SERVER_IP $SERVER_PORT $D 2>&1; }
	follow() { # passes its results on, up to where it waits or ends
		local line name
		while read -r -t $((30 * RIG_SLOW)) line <&"${CLIENT_BY_HAND[0]}"; do
			name=${line#* }
			case $line in
			waiting | end) return ;;
			"ok "*) ok "by hand: $name" ;;
			*) not_ok "by hand" "$line" ;;
			esac
		done
		not_ok "by hand" "the client has gone"
	}
	go() { echo >&"${CLIENT_BY_HAND[1]}"; }
	follow
	is "the server has its session" "$(sessions)" 1
	check "the engine stops" stop_engine
	go
	follow
	check "the engine starts" start_engine
	S "echo 4 >/sys/module/qtfs_server/parameters/lease"
	go
	follow
	is "a session without a connection" "$(S "cat $SERVER/*/state")" disconnected
	is "keeps what it had open" "$(S "cat $SERVER/*/opens")" 1
	check "for a while" wait_for 20 eval '[ $(sessions) = 0 ]'
	go
	follow
	check "and ends by BYE" wait_for 5 eval '[ $(sessions) = 0 ]'
	is "made once" "$(S "ls -d $D/made* | wc -l")" 2
fi

# ---- a directory that comes with nodes, whose reply is lost ----
check "mount" mount_qtfs $D $M || exit
if [ -e $FAULT ]; then
	S "mkdir -p $D/many && cd $D/many && for i in \$(seq 50); do echo \$i >\$i; done; echo exec_then_drop_reply op=READDIR every=2 >$FAULT"
	is "all of it is listed" "$(find $M/many -type f -size -2 | wc -l)" 50
	S "echo clear >$FAULT"
	echo 2 >/proc/sys/vm/drop_caches
	check "nodes of lost replies are given back" wait_for 10 eval "[ \$(S 'cat $SERVER/*/nodes') -le 3 ]"

	# What was read from a FIFO isn't in it any more: its reply is kept with the data.
	before=$(server_stat repeated)
	S "mkfifo $D/stream; echo exec_then_drop_reply op=READ every=2 >$FAULT; { seq 50000 >$D/stream & }"
	is "what is read from a FIFO comes once and in order" "$(with_timeout 120 cat $M/stream | md5sum)" "$(seq 50000 | md5sum)"
	S "echo clear >$FAULT"
	check "though replies were lost" [ "$(server_stat repeated)" -gt "$before" ]

	# Half of a reply has come, and then there is nothing to be read any more.
	dmesg -C
	S "seq 20000 >$D/shrinks; echo disconnect op=READ bytes=20000 count=1 >$FAULT"
	echo delay_ms op=READ ms=$((1500 * RIG_SLOW)) skip=1 count=1 >/sys/kernel/debug/qtfs/fault
	dd if=$M/shrinks of="$SCRATCH/shrinks" iflag=direct bs=64k count=1 status=none &
	check "a reply breaks off" wait_for 10 eval 'dmesg | grep -q "connection lost"'
	S "truncate -s 0 $D/shrinks"
	wait $!
	is "what is read is what came in the end" "$? $(stat -c %s "$SCRATCH/shrinks")" "0 0"
	S "echo clear >$FAULT"
	echo clear >/sys/kernel/debug/qtfs/fault
fi
check "umount" umount_qtfs $M

# ---- nobody answers: the engine is stopped, the server's module is there ----
S "echo 180 >/sys/module/qtfs_server/parameters/lease"
check "mount" mount_qtfs -o entry_timeout=0,attr_timeout=0,negative_timeout=0 $D $M || exit
check "a soft mount" mount_qtfs -o soft,timeo=1000,retrans=1,entry_timeout=0,attr_timeout=0 $D $SOFT || exit
is "its options are told" "$(grep -o 'soft,timeo=1000,retrans=1' /proc/mounts)" soft,timeo=1000,retrans=1
for file in "$CLIENT"/*/slow_ms; do echo 1000 >"$file"; done
ls $M >/dev/null
ls $SOFT >/dev/null
check "the engine stops" stop_engine
start=$EPOCHREALTIME
fails_with "a soft mount gives up" ETIMEDOUT stat $SOFT/f
took=$((${EPOCHREALTIME/./} - ${start/./}))
check "after timeo * (retrans + 1): $took us" [ $took -ge 1900000 ] && [ $took -lt $((2000000 + 6000000 * RIG_SLOW)) ]
mkdir $M/cancelled 2>/dev/null &
killed=$!
check "a request waits" wait_for 5 in_flight " sent "
check "what is slow is told" wait_for 10 eval 'dmesg | grep -qE "qtfs: .* of mkdir .* has been waiting"'
kill -9 $killed
check "who waits can be killed" wait_for 5 eval "! kill -0 $killed 2>/dev/null || grep -q '^State:.Z' /proc/$killed/status"
check "and the server hears of it" wait_for 5 eval '[ "$(S "wc -l </sys/kernel/debug/qtfs_server/ops")" = 0 ]'
check "the engine starts" start_engine
is "it was never done" "$(S "ls -d $D/cancelled 2>&1 | grep -c 'No such file'")" 1
check "the soft mount works again" wait_for 10 stat $SOFT/f
check "umount" umount_qtfs $SOFT

# ---- the server says nothing at all ----
if [ -e $FAULT ]; then
	mount -o remount,timeo=3000 $M
	{
		S "echo tx_drop >$FAULT"
		exec dd if=/dev/zero bs=64k count=10 conv=fsync status=none
	} >$M/killed &
	killed=$!
	check "a server that says nothing is suspect" wait_for 15 eval '[ "$(state)" = suspect ]'
	check "and then down, or connected anew" wait_for 15 eval '[ "$(stat_of reconnects)" -ge 1 ]'
	kill -9 $killed
	check "a writer can be killed" wait_for 5 eval "! kill -0 $killed 2>/dev/null || grep -q '^State:.Z' /proc/$killed/status"
	S "echo clear >$FAULT"
	check "it goes on" with_timeout 30 stat $M/f
	check "what it had written gets there" wait_for 20 eval '[ "$(S "stat -c %s $D/killed")" = 655360 ]'
	check "and is answered" wait_for 30 eval '! in_flight " WRITE "'
	check "another mount, whose server answers all that it asks" mount_qtfs $D $SOFT
	S "echo tx_drop op=WRITE >$FAULT"
	dd if=/dev/zero of=$M/late bs=64k count=10 conv=fsync status=none &
	killed=$!
	check "a writer waits" wait_for 10 in_flight " WRITE "
	kill -9 $killed
	check "and is killed" wait_for 5 eval "! kill -0 $killed 2>/dev/null || grep -q '^State:.Z' /proc/$killed/status"
	check "the other mount doesn't wait for what it left" with_timeout 20 umount $SOFT
	S "echo clear >$FAULT"
	wait_for 60 eval "! mountpoint -q $SOFT"
	MOUNTED=("$M")
	check "it gets there" wait_for 60 eval '[ "$(S "stat -c %s $D/late")" = 655360 ]'
	S "echo tx_drop >$FAULT"
	stat $M/waits >"$SCRATCH/waiter" 2>&1 &
	check "somebody waits" wait_for 5 in_flight " "
	check "umount -f ends" with_timeout 10 sh -c "umount -f $M || umount -f -l $M"
	check "and who waited" wait_for 5 grep -q "${ERRNO[EIO]}" "$SCRATCH/waiter"
	MOUNTED=()
	S "echo clear >$FAULT"
else
	echo "# no faults can be injected in this build: left out"
	check "umount" umount_qtfs $M
fi

# ---- forgotten ----
S "echo 0 >/sys/module/qtfs_server/parameters/lease"
check "mount" mount_qtfs $D $M || exit
exec {open}<$M/large
head -c 10 <&$open >/dev/null
before=$(S "cat $SERVER/*/client")
# The client may come back before the server has seen that it was gone: then once more.
is_forgotten() {
	cut_off
	stat -f $M && [ "$(S "cat $SERVER/*/client")" != "$before" ]
}
check "a client that the server has forgotten comes back" wait_for 20 is_forgotten
is "with what it had open" "$(tail -c 7 <&$open)" 300000
is "and can work" "$(cat $M/f)" "$(S "cat $D/f")"
exec {open}<&-
check "and be unmounted" umount_qtfs $M
