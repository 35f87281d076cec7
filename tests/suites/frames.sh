#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# timeout: 900
# trans: tcp
# 10,000 connections take about a minute on a quiet machine.
# expect-log: bad frame|no greeting|one connection too many|speaks versions
# 10,000 malformed frames at the listening port: counted, closed connections, and nothing else. A mount in use does not notice.
. "$(dirname "$0")/lib.sh"

D=/srv/frames
M=/mnt/frames

check "the server starts" start_server || exit
S "rm -rf $D && mkdir -p $D/a/b/c && cd $D && for i in \$(seq 60); do seq \$i 3000 >a/f\$i; ln -s f\$i a/l\$i; cp a/f\$i a/b/c; done && ls -lR >listing"
check "mount" mount_qtfs $D $M || exit
check "a mount to compare with" cp -a $M "$SCRATCH/copy"

cat >"$SCRATCH/hostile.py" <<'PY'
import os, random, socket, struct, sys, time

VERSION = int(os.environ["QTFS_VERSION"])

address, port, wanted, seed = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])
rnd = random.Random(seed)
HDR = struct.Struct("<IIHHIQQIIIHH")
REQ = struct.Struct("<QQQIIQIHHHHI")
TIMEOUT = struct.pack("ll", 30, 0)
MAGIC, NO_SLOT, REPLY = 0x53465451, 0xffffffff, 1
(HELLO, ATTACH, FORGET, LOOKUP, GETATTR, SETATTR, READLINK, MKDIR, MKNOD, SYMLINK, LINK, UNLINK, RMDIR, RENAME, OPEN,
 CREATE, RELEASE, READ, WRITE, READDIR, FSYNC, STATFS, GETXATTR, SETXATTR, LISTXATTR, REMOVEXATTR, PING, NOTIFY) = range(1, 29)
assert HDR.size == 48 and REQ.size == 56

def frame(op_, body=b"", names=(b"", b""), data=b"", node=0, node2=0, open_=0, groups=(), slot=0, seq=1, **bad):
    groups = b"".join(struct.pack("<I", g) for g in groups)
    args = body + groups + names[0] + names[1]
    f = dict(magic=MAGIC, len=48 + 56 + len(args) + len(data), op=op_, flags=0, slot=slot, seq=seq, stamp=0, status=0, crc=0,
             data_len=len(data), body_len=len(body), reserved=0,
             node=node, node2=node2, open=open_, uid=0, gid=0, caps=0, ngroups=len(groups) // 4, umask=0o22,
             n0=len(names[0]), n1=len(names[1]), rreserved=0, pid=1)
    f.update(bad)
    return (HDR.pack(*[f[k] for k in ("magic", "len", "op", "flags", "slot", "seq", "stamp", "status", "crc", "data_len",
                                      "body_len", "reserved")]) +
            REQ.pack(*[f[k] for k in ("node", "node2", "open", "uid", "gid", "caps", "ngroups", "umask", "n0", "n1",
                                      "rreserved", "pid")]) + args + data)

def hello(**bad):
    body = dict(client=rnd.randbytes(16), epoch=1, features=0, max_data=1 << 20, slots=64, version=VERSION, version_min=VERSION, conn=0, res=0)
    rest = {k: v for k, v in bad.items() if k not in body}
    body.update({k: v for k, v in bad.items() if k in body})
    return frame(HELLO, struct.pack("<16sQQIIHHHH", *body.values()), (b"hostile", b""), **{"slot": NO_SLOT, "seq": 0, **rest})

def connect():
    for _ in range(600):
        s = socket.socket()
        # Cheaper than settimeout(), which costs a poll for each call; it fails with EAGAIN.
        s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, TIMEOUT)
        try:
            s.connect((address, port))
            return s
        except OSError:
            s.close()
            time.sleep(0.05)
    raise SystemExit("can't connect")

def recv(s, n):
    data = b""
    while len(data) < n:
        more = s.recv(n - len(data))
        if not more:
            raise ConnectionResetError
        data += more
    return data

def reply(s):
    h = HDR.unpack(recv(s, 48))
    return h, recv(s, h[1] - 48)

def session():
    """A connection that has said HELLO."""
    for _ in range(200):
        s = connect()
        try:
            s.sendall(hello())
            h, _ = reply(s)
            if h[7] == 0:
                return s
        except OSError:
            pass
        s.close()
        time.sleep(0.05)
    raise SystemExit("no session")

def closed(s):
    """Whether the server closes the connection, and answers nothing before."""
    try:
        while s.recv(65536):
            return False
        return True
    except ConnectionResetError:
        return True
    except BlockingIOError:
        return False

R = lambda a, b: rnd.randint(a, b)
attach = dict(names=(b"/", b""))
# What is wrong with the first frame of a connection.
before = {
    "magic": lambda: hello(magic=R(0, 2**32 - 1) & ~1),
    "random": lambda: rnd.randbytes(R(200, 2000)),
    "zeros": lambda: bytes(500),
    "ones": lambda: b"\xff" * 500,
    "http": lambda: b"GET / HTTP/1.1\r\nHost: server\r\n\r\n" * 10,
    "length too small": lambda: hello(len=R(0, 103)),
    "length too large": lambda: hello(len=R(10**6, 2**32 - 1)),
    "length off by one": lambda: hello(len=48 + 56 + 48 + 7 + rnd.choice((-1, 1))),
    "op 0": lambda: hello(op=0),
    "op unknown": lambda: hello(op=R(40, 65535)),
    "op before HELLO": lambda: frame(ATTACH, **attach),
    "op NOTIFY": lambda: frame(NOTIFY, slot=NO_SLOT),
    "flag reply": lambda: hello(flags=1),
    "flags unknown": lambda: hello(flags=R(1, 16383) << 2),
    "status": lambda: hello(status=R(1, 2**32 - 1)),
    "reserved": lambda: hello(reserved=R(1, 65535)),
    "reserved in the request": lambda: hello(rreserved=R(1, 65535)),
    "slot": lambda: hello(slot=R(0, 100)),
    "body too long": lambda: hello(body_len=R(49, 65535)),
    "body too short": lambda: hello(body_len=R(0, 47)),
    "data": lambda: hello(data_len=R(1, 2**32 - 1)),
    "groups": lambda: hello(ngroups=R(65537, 2**32 - 1)),
    "groups that wrap": lambda: hello(ngroups=2**30),
    "groups that are not there": lambda: hello(ngroups=R(1, 65536)),
    "name too long": lambda: hello(n0=R(65, 65535)),
    "second name": lambda: hello(n1=R(1, 65535)),
    "object": lambda: hello(node=R(1, 2**64 - 1)),
    "umask": lambda: hello(umask=0o1000),
    "epoch 0": lambda: hello(epoch=0),
    "no data": lambda: hello(max_data=R(0, 65535)),
    "versions reversed": lambda: hello(version_min=VERSION + 1),
    "flags in the body": lambda: hello(res=R(1, 32767) << 1),
    "label": lambda: hello().replace(b"hostile", b"host\0le"),
}
# And of one that has said HELLO. The session has no node, so that each good frame is answered with ESTALE at best.
after = {
    "random": lambda: rnd.randbytes(R(200, 2000)),
    "magic": lambda: frame(ATTACH, magic=1, **attach),
    "HELLO again": lambda: hello(),
    "op unknown": lambda: frame(R(40, 65535)),
    "slot beyond": lambda: frame(ATTACH, slot=R(64, 2**32 - 2), **attach),
    "no slot": lambda: frame(ATTACH, slot=NO_SLOT, **attach),
    "seq 0": lambda: frame(ATTACH, seq=0, **attach),
    "length": lambda: frame(ATTACH, len=R(0, 2**32 - 1), **attach),
    "path relative": lambda: frame(ATTACH, names=(b"srv", b"")),
    "path empty": lambda: frame(ATTACH, names=(b"", b"")),
    "path with NUL": lambda: frame(ATTACH, names=(b"/srv\0/x", b"")),
    "path of 4096": lambda: frame(ATTACH, names=(b"/" * 4096, b"")),
    "name with NUL": lambda: frame(LOOKUP, node=1, names=(b"a\0b", b"")),
    "name with /": lambda: frame(LOOKUP, node=1, names=(b"../etc", b"")),
    "name /": lambda: frame(MKDIR, struct.pack("<II", 0o755, 0), node=1, names=(b"/", b"")),
    "name .": lambda: frame(UNLINK, node=1, names=(b".", b"")),
    "name ..": lambda: frame(LOOKUP, node=1, names=(b"..", b"")),
    "name empty": lambda: frame(LOOKUP, node=1),
    "name of 256": lambda: frame(LOOKUP, node=1, names=(b"a" * 256, b"")),
    "rename to ..": lambda: frame(RENAME, struct.pack("<II", 0, 0), node=1, node2=1, names=(b"a", b"..")),
    "rename flags": lambda: frame(RENAME, struct.pack("<II", 8, 0), node=1, node2=1, names=(b"a", b"b")),
    "no target": lambda: frame(SYMLINK, node=1, names=(b"a", b"")),
    "target of 4096": lambda: frame(SYMLINK, node=1, names=(b"a", b"x" * 4096)),
    "no object": lambda: frame(GETATTR),
    "an object too many": lambda: frame(STATFS, node=1, node2=1),
    "an open too many": lambda: frame(LOOKUP, node=1, open_=1, names=(b"a", b"")),
    "mode": lambda: frame(MKDIR, struct.pack("<II", R(0o10000, 2**32 - 1), 0), node=1, names=(b"a", b"")),
    "open flags": lambda: frame(OPEN, struct.pack("<II", 1 << 31, 0), node=1),
    "setattr valid": lambda: frame(SETATTR, struct.pack("<QQIIQIIIIII", 0, 0, 0, 0, 0, 0, 0, 1 << 30, 0, 0, 0), node=1),
    "setattr ns": lambda: frame(SETATTR, struct.pack("<QQIIQIIIIII", 0, 0, 10**9, 0, 0, 0, 0, 0, 0, 0, 0), node=1),
    "body missing": lambda: frame(MKDIR, b"", node=1, names=(b"a", b"")),
    "body of another": lambda: frame(READ, bytes(24), open_=1),
    "write flags": lambda: frame(WRITE, struct.pack("<QII", 0, 1 << 20, 0), open_=1, data=b"x"),
    "write too much": lambda: frame(WRITE, struct.pack("<QII", 0, 0, 0), open_=1, data_len=R((1 << 20) + 1, 2**32 - 1)),
    "data with READ": lambda: frame(READ, struct.pack("<QII", 0, 1, 0), open_=1, data=b"x"),
    "FORGET of a part": lambda: frame(FORGET, data=rnd.randbytes(R(1, 100) | 1)),
    "FORGET without a slot": lambda: frame(FORGET, data=bytes(8), slot=NO_SLOT, seq=0),
    "groups": lambda: frame(ATTACH, ngroups=R(65537, 2**32 - 1), **attach),
    "NOTIFY": lambda: frame(NOTIFY, slot=NO_SLOT),
    "status": lambda: frame(PING, status=R(1, 4095)),
    "xattr name": lambda: frame(GETXATTR, struct.pack("<II", 0, 0), node=1, names=(b"user.a\0", b"")),
    "xattr flags": lambda: frame(SETXATTR, struct.pack("<II", 4, 0), node=1, names=(b"user.a", b""), data=b"x"),
    "reply": lambda: frame(PING, flags=1),
    "slot used twice": lambda: frame(PING, seq=1) + frame(PING, seq=1) + frame(PING, seq=7),
    "truncated": None,
    "garbage behind a good one": lambda: frame(PING) + rnd.randbytes(300),
}
# Good frames with bad numbers: an error and no closed connection.
harmless = {
    "a node that is none": lambda: frame(GETATTR, node=R(1, 2**64 - 1)),
    "an open that is none": lambda: frame(READ, struct.pack("<QII", 0, 100, 0), open_=R(1, 2**64 - 1)),
    "RELEASE of none": lambda: frame(RELEASE, open_=R(1, 2**64 - 1)),
    "READ at the end of the world": lambda: frame(READ, struct.pack("<QII", 2**64 - 1, 2**32 - 1, 0), open_=1),
    "FORGET of none": lambda: frame(FORGET, data=rnd.randbytes(8 * R(1, 1000))),
    "LINK of none": lambda: frame(LINK, node=R(1, 2**64 - 1), node2=R(1, 2**64 - 1), names=(b"a", b"")),
}
answers_allowed = {"slot used twice", "garbage behind a good one"}

sent = wrong = 0
names = list(before)
# A session costs more: mostly it goes wrong before there is one.
kinds = 3 * [("before", k) for k in before] + [("after", k) for k in after] + [("harmless", k) for k in harmless]
def complain(what):
    global wrong
    wrong += 1
    if wrong < 10:
        print("wrong:", what, flush=True)

while sent < wanted:
    where, kind = kinds[sent % len(kinds)]
    if sent % 50 == 49:                 # half-open: says nothing or half of it, and goes
        s = connect()
        s.sendall(hello()[:R(0, 150)])
        s.close()
        sent += 1
        continue
    try:
        if where == "before":
            s = connect()
            s.sendall(before[kind]())
            if not closed(s):
                complain(f"{where}: {kind}: not closed")
        elif where == "harmless":
            s = session()
            s.sendall(harmless[kind]())
            h, _ = reply(s)
            if h[7] == 0 and kind != "FORGET of none":
                complain(f"{where}: {kind}: succeeded")
        else:
            s = session()
            if kind == "truncated":
                whole = frame(WRITE, struct.pack("<QII", 0, 0, 0), open_=1, data=rnd.randbytes(5000))
                s.sendall(whole[:R(1, len(whole) - 1)])
                s.shutdown(socket.SHUT_WR)
            else:
                s.sendall(after[kind]())
            got = b""
            try:
                while (more := s.recv(65536)):
                    got += more
            except ConnectionResetError:
                pass
            except BlockingIOError:
                complain(f"{where}: {kind}: not closed")
            if got and kind not in answers_allowed:
                complain(f"{where}: {kind}: answered, status {HDR.unpack(got[:48])[7] if len(got) >= 48 else got}")
    except (BrokenPipeError, ConnectionResetError):
        if where == "harmless":
            complain(f"{where}: {kind}: closed")
    s.close()
    sent += 1
print(f"sent {sent} wrong {wrong}")
sys.exit(wrong != 0)
PY

bad() { S "awk '/^bad_/ { n += \$2; if (\$2) kinds++ } END { print n + 0, kinds + 0 }' /sys/fs/qtfs_server/stats"; }
memory() { S "sync; echo 3 >/proc/sys/vm/drop_caches; awk '/^(MemFree|Buffers|Cached):/ { n += \$2 } END { print n }' /proc/meminfo"; }
connections() { S "ss -Htn state established '( sport = :$SERVER_PORT )' | wc -l"; }
noise() { dmesg | grep -cE 'qtfs'; }

is "before: one session" "$(sessions)" 1
connections_before=$(connections)
read -r bad_before _ < <(bad)
python3 "$SCRATCH/hostile.py" $SERVER_IP $SERVER_PORT 200 99 >"$SCRATCH/warm" 2>&1 # what is allocated once is
memory_before=$(memory)
noise_before=$(noise)
start=$EPOCHSECONDS
for i in 1 2; do
	python3 "$SCRATCH/hostile.py" $SERVER_IP $SERVER_PORT 5000 $i >"$SCRATCH/hostile$i" 2>&1 &
	hostile[i]=$!
done
# Meanwhile a mount is used: read, compared, changed.
loops=0
status=0
while kill -0 "${hostile[1]}" 2>/dev/null || kill -0 "${hostile[2]}" 2>/dev/null; do
	if ! diff -r "$SCRATCH/copy" $M || ! { echo $loops >$M/changing && [ "$(cat $M/changing)" = $loops ] && rm $M/changing; }; then
		status=1
		break
	fi
	loops=$((loops + 1))
done >"$SCRATCH/loop" 2>&1
is "a mount in use does not notice ($loops loops)" "$status $(head -c 300 "$SCRATCH/loop")" "0 "
for i in 1 2; do
	wait "${hostile[i]}"
	is "hostile client $i: each frame costs its connection, and no more" "$? $(tail -n 12 "$SCRATCH/hostile$i" | tr '\n' ' ')" \
		"0 sent 5000 wrong 0 "
done
check "the loop ran" [ $loops -ge 2 ]
read -r bad_after kinds < <(bad)
echo "# $((bad_after - bad_before)) bad frames counted, of $kinds kinds"
check "they are counted" [ $((bad_after - bad_before)) -ge 8000 ]
check "by their kinds" [ "$kinds" -ge 9 ]
check "all connections are closed" wait_for 15 eval "[ \$(connections) = $connections_before ]"
check "all sessions are gone" wait_for 5 eval "[ \$(sessions) = 1 ]"
# The kernel's usual limit is 10 lines in 5 s for each place in the source.
lines=$(($(noise) - noise_before))
check "the kernel log is spared: $lines lines" [ $lines -lt $((100 + 5 * (EPOCHSECONDS - start))) ]
# A leak of a connection's own memory would be 60 MB and more; what is freed late (RCU, TIME_WAIT) comes back.
used() { echo $((memory_before - $(memory))); }
check "memory is as before: $(used) kB more" wait_for 30 eval "[ \$(used) -lt 40000 ]"

# ---- many that say nothing ----
cat >"$SCRATCH/idle.py" <<'PY'
import socket, sys
address, port = sys.argv[1], int(sys.argv[2])
idle = []
for i in range(100):
    s = socket.socket()
    s.settimeout(5)
    try:
        s.connect((address, port))
        idle.append(s)
    except OSError:
        pass
print(len(idle), flush=True)
sys.stdin.readline()
open_ = 0
for s in idle:
    s.settimeout(15)
    try:
        open_ += s.recv(1) != b""
    except ConnectionResetError:
        pass
    except TimeoutError:
        open_ += 1
print(open_, flush=True)
PY
coproc IDLE { exec python3 "$SCRATCH/idle.py" $SERVER_IP $SERVER_PORT; }
read -r n <&"${IDLE[0]}"
echo "# $n connections that say nothing"
check "the mount works beside them" diff -r "$SCRATCH/copy" $M
check "not all of them are kept" [ "$(connections)" -le 40 ]
echo go >&"${IDLE[1]}"
read -r n <&"${IDLE[0]}"
is "all of them are closed in the end" "$n" 0
check "a new mount works" "mount_qtfs $D /mnt/frames2 && diff -r '$SCRATCH/copy' /mnt/frames2"
