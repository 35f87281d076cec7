#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# timeout: 200
# expect-log: connection lost|connected again|has not the key|has not shown that it has the key|no session for it
# Pre-shared keys: both ends have the same, or nothing is served; who says so without having it is not believed.
. "$(dirname "$0")/lib.sh"

D=/srv/keys
M=/mnt/keys

# There is no keyctl in the image. The keyring is the one that is searched without a session.
cat >"$SCRATCH/key.py" <<'PY'
import ctypes, os, platform, sys
kind, name, content = sys.argv[1], sys.argv[2].encode(), sys.argv[3].encode()
add_key, user_session = {"x86_64": 248}.get(platform.machine(), 217), -5
libc = ctypes.CDLL(None, use_errno=True)
if libc.syscall(add_key, kind.encode(), name, content, len(content), user_session) < 0:
    sys.exit(f"add_key: {os.strerror(ctypes.get_errno())}")
PY
key() { python3 "$SCRATCH/key.py" "$@"; }
S_key() { S -i "python3 - $*" <"$SCRATCH/key.py"; }
check "keys on the client" 'key logon qtfs:same 0123456789abcdef0123456789abcdef && key user same-user 0123456789abcdef0123456789abcdef &&
	key logon qtfs:other 0123456789abcdef0123456789abcdeX && key user short 0123456789abcde'
check "keys on the server" 'S_key logon qtfs:server 0123456789abcdef0123456789abcdef && S_key user short 0123456789abcde'

refused() { # NAME REGEX OPTIONS
	local said
	dmesg -C
	said=$(mount_qtfs ${3:+-o "$3"} $D /mnt/refused 2>&1)
	is "$1" $? 32 && check "$1: says why" "{ dmesg; echo '$said'; } | grep -q '$2'"
}
loads() { S "modprobe qtfs_server $(server_params) $*"; }
prepare_transport
check "a server without its key doesn't start" '! loads key=qtfs:none'
check "and says why" S "dmesg | grep -q 'key=qtfs:none: no such key in the keyrings'"
check "nor with a short one" '! loads key=short'
check "and says why" S "dmesg | grep -q 'key=short: it has less than 16 bytes'"

S "dmesg -C"
check "a server with a key starts" start_server key=qtfs:server || exit
check "it doesn't say that it is open" S "! dmesg | grep -q 'open to anyone'"
S "rm -rf $D && mkdir $D && echo content >$D/f"
refused "no key" 'the server asks for a key: mount with key=' ""
refused "another key" 'the server has another key than ours' key=qtfs:other
refused "one that isn't there" 'key=qtfs:none: no such key in your keyrings' key=qtfs:none
refused "a short one" 'key=short: a key has at least 16 bytes' key=short
check "a key of type user" 'mount_qtfs -o key=same-user $D $M && cat $M/f && umount_qtfs $M'
lanes=3
[ "$TRANS" = pcie ] && lanes=1
check "the same key" mount_qtfs -o key=qtfs:same,nconnect=$lanes $D $M || exit
is "reads" "$(cat $M/f)" content
check "findmnt shows its name" 'findmnt -n -o OPTIONS $M | grep -q key=qtfs:same'
check "a remount without it" mount -o remount,attr_timeout=1000 $M
check "a remount with another is refused" '! mount -o remount,key=qtfs:other $M'
check "all connections have it" wait_for 5 has_connections $lanes

# ---- it is asked for on each connection again ----
stop() { stop_engine && S "rmmod qtfs_server"; }
check "the server is loaded again" 'stop && start_server key=qtfs:server'
is "and found again" "$(timeout $((20 * RIG_SLOW)) cat $M/f)" content
S_key logon qtfs:changed 0123456789abcdef0123456789abcdeY
check "it gets another key" 'stop && start_server key=qtfs:changed'
refused "new mounts are refused" 'the server has another key than ours' key=qtfs:same
is "there is no session" "$(S 'ls -d /sys/fs/qtfs_server/[0-9]* 2>/dev/null' | wc -l)" 0
check "it gets the old one again" 'stop && start_server key=qtfs:server'
is "the mount goes on" "$(timeout $((20 * RIG_SLOW)) cat $M/f)" content

# ---- who has not the key ----
if [ "$TRANS" = tcp ]; then
	cat >"$SCRATCH/stranger.py" <<'PY'
import hashlib, hmac, os, socket, struct, sys

VERSION = int(os.environ["QTFS_VERSION"])
address, port = sys.argv[1], int(sys.argv[2])
KEY = b"0123456789abcdef0123456789abcdef"
HDR, REQ = struct.Struct("<IIHHIQQIIIHH"), struct.Struct("<QQQIIQIHHHHI")
MAGIC, NO_SLOT, HELLO, AUTH = 0x53465451, 0xffffffff, 1, 43
ENOKEY, EKEYREJECTED = 126, 129

def recv(s, n):
    data = b""
    while len(data) < n:
        more = s.recv(n - len(data))
        if not more:
            raise ConnectionResetError
        data += more
    return data

def ask(s, op, body, name=b""):
    s.sendall(HDR.pack(MAGIC, HDR.size + REQ.size + len(body) + len(name), op, 0, NO_SLOT, 0, 0, 0, 0, 0, len(body), 0) +
              REQ.pack(0, 0, 0, 0, 0, 0, 0, 0, len(name), 0, 0, 1) + body + name)
    h = HDR.unpack(recv(s, HDR.size))
    return h[7], recv(s, h[1] - HDR.size)

def connect():
    s = socket.create_connection((address, port), timeout=60)
    return s

def hello(s):
    return ask(s, HELLO, struct.pack("<16sQQIIHHHH", os.urandom(16), 1, 0, 1 << 20, 64, VERSION, VERSION, 0, 0), b"stranger")[0]

def begin(s, nonce):
    status, body = ask(s, AUTH, struct.pack("<32sII", nonce, 1, 0))
    return status, body[:32], body[32:]

def end(s, proof):
    return ask(s, AUTH, struct.pack("<32sII", proof, 2, 0))[0]

def proof(who, client, server):
    return hmac.digest(KEY, who.ljust(16, b"\0") + client + server, hashlib.sha256)

def expect(name, got, wanted):
    print(f"{'ok' if got == wanted else 'not ok'} - {name}" + ("" if got == wanted else f" # got {got!r}, expected {wanted!r}"))

nonce = os.urandom(32)
s = connect()
expect("HELLO without AUTH", hello(s), ENOKEY)
status, server, theirs = begin(s, nonce)
expect("the server proves its key", (status, theirs), (0, proof(b"qtfs server", nonce, server)))
expect("HELLO after the first step", hello(s), ENOKEY)
expect("its own proof sent back", end(s, theirs), EKEYREJECTED)
mine = proof(b"qtfs client", nonce, server)
expect("a nonce is good for one attempt", end(s, mine), EKEYREJECTED)
expect("HELLO after that", hello(s), ENOKEY)
s = connect()
expect("a proof without a nonce", end(s, mine), EKEYREJECTED)
begin(s, nonce)
expect("a proof of another connection", end(s, mine), EKEYREJECTED)
status, server, theirs = begin(s, nonce)
expect("a bit of it changed", end(s, bytes([proof(b"qtfs client", nonce, server)[0] ^ 1]) +
                                  proof(b"qtfs client", nonce, server)[1:]), EKEYREJECTED)
status, server, theirs = begin(s, nonce)
expect("the right one", end(s, proof(b"qtfs client", nonce, server)), 0)
expect("HELLO after that", hello(s), 0)
try:
    begin(s, nonce)
    expect("AUTH after HELLO", "answered", "closed")
except ConnectionError:
    expect("AUTH after HELLO", "closed", "closed")
for name, body in ("step 0", struct.pack("<32sII", nonce, 0, 0)), ("step 3", struct.pack("<32sII", nonce, 3, 0)), \
                  ("a reserved field", struct.pack("<32sII", nonce, 1, 1)), ("half a body", nonce):
    try:
        ask(connect(), AUTH, body)
        expect(name, "answered", "closed")
    except ConnectionError:
        expect(name, "closed", "closed")
PY
	python3 "$SCRATCH/stranger.py" "$SERVER_IP" "$SERVER_PORT" >"$SCRATCH/stranger" 2>&1
	status=$?
	cat "$SCRATCH/stranger" >&"$RESULTS"
	is "the stranger ends" $status 0
	FAILURES=$((FAILURES + $(grep -c '^not ok' "$SCRATCH/stranger")))

	# A server that has the name but not the key: it is found out before it has seen our proof.
	cat >"$SCRATCH/impostor.py" <<'PY'
import os, socket, struct, sys
HDR = struct.Struct("<IIHHIQQIIIHH")
s = socket.create_server(("127.0.0.1", 0))
print(s.getsockname()[1], flush=True)
c = s.accept()[0]
asked = c.recv(4096)
body = os.urandom(64)
h = list(HDR.unpack(asked[:HDR.size]))
h[1], h[3], h[10] = HDR.size + len(body), 1, len(body)
c.sendall(HDR.pack(*h) + body)
print("then", len(c.recv(4096)), flush=True)
PY
	python3 "$SCRATCH/impostor.py" >"$SCRATCH/impostor" &
	wait_for 10 test -s "$SCRATCH/impostor"
	dmesg -C
	mkdir -p /mnt/impostor
	mount -t qtfs -o "trans=tcp,addr=127.0.0.1,port=$(head -n 1 "$SCRATCH/impostor"),key=qtfs:same" $D /mnt/impostor 2>"$SCRATCH/said"
	is "an impostor" $? 32
	check "is told from the server" '{ dmesg; cat "$SCRATCH/said"; } | grep -q "the server has another key than ours"'
	wait $!
	is "and gets no proof of ours" "$(tail -n 1 "$SCRATCH/impostor")" "then 0"
fi
check "umount" umount_qtfs $M

# ---- a server without a key ----
check "a server without a key" 'stop && start_server'
refused "is told from one that has it" 'the server has no key (its parameter key=)' key=qtfs:same
check "and serves whoever asks for none" mount_qtfs $D $M
check "umount again" umount_qtfs $M
