#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# trans: tcp
# expect-log: bad frame
# FIND by a file's handle: it leads to the file wherever that is now, and never to one that no path leads to. By hand.
. "$(dirname "$0")/lib.sh"

D=/srv/handles

cat >"$SCRATCH/client.py" <<'PY'
import fcntl, os, random, socket, stat, struct, sys

VERSION = int(os.environ["QTFS_VERSION"])

address, port, root, seed = sys.argv[1], int(sys.argv[2]), sys.argv[3], int(sys.argv[4])
HDR = struct.Struct("<IIHHIQQIIIHH")
REQ = struct.Struct("<QQQIIQIHHHHI")
MAGIC, NO_SLOT = 0x53465451, 0xffffffff
HELLO, ATTACH, LOOKUP, OPEN, NOTIFY, FIND = 1, 2, 4, 15, 28, 42
EACCES, ENOENT, ESTALE = 13, 2, 116
ALL = (1 << 41) - 1

class Closed(Exception):
    pass

class Client:
    def __init__(self, path=None):
        self.s = socket.create_connection((address, port))
        self.seq = 0
        self.call(HELLO, struct.pack("<16sQQIIHHHH", os.urandom(16), 1, 0, 1 << 20, 8, VERSION, VERSION, 0, 0),
                  b"by hand", slot=NO_SLOT)
        if path:
            self.root = struct.unpack_from("<Q", self.good(ATTACH, name=path.encode()))[0]
    def recv(self, n):
        data = b""
        while len(data) < n:
            more = self.s.recv(n - len(data))
            if not more:
                raise Closed
            data += more
        return data
    def call(self, op, body=b"", name=b"", node=0, slot=0, uid=0, caps=ALL):
        seq = 0
        if slot != NO_SLOT:
            self.seq = seq = self.seq + 1
        args = body + name
        self.s.sendall(HDR.pack(MAGIC, 104 + len(args), op, 0, slot, seq, 0, 0, 0, 0, len(body), 0) +
                       REQ.pack(node, 0, 0, uid, uid, caps, 0, 0o22, len(name), 0, 0, 1) + args)
        while True:
            h = HDR.unpack(self.recv(48))
            rest = self.recv(h[1] - 48)
            if h[2] != NOTIFY:
                return h[7], rest
    def good(self, *args, **kw):
        status, rest = self.call(*args, **kw)
        assert status == 0, (args, status)
        return rest
    # The handle that comes with OPEN.
    def handle(self, names, flags=0):
        node = self.root
        for name in names:
            node = struct.unpack_from("<Q", self.good(LOOKUP, name=name.encode(), node=node))[0]
        return self.good(OPEN, struct.pack("<II", flags, 0), node=node)[176:224]
    def find(self, what, handle, path=b"/none", **kw):
        return self.call(FIND, what + handle, path, node=self.root, **kw)

def handle(len_, type_, data, reserved=0):
    return struct.pack("<BBH44s", len_, type_, reserved, data)

NONE = handle(0, 0, b"")

# What FIND wants to know of a file, and a handle of it that nobody has handed out: ext4's.
def about(path):
    fd = os.open(path, os.O_RDONLY)
    st = os.fstat(fd)
    gen = struct.unpack("I", fcntl.ioctl(fd, 0x80087601, b"\0" * 8)[:4])[0] # FS_IOC_GETVERSION
    os.close(fd)
    body = struct.pack("<QIIII", st.st_ino, os.major(st.st_dev) << 20 | os.minor(st.st_dev), gen,
                       stat.S_IFMT(st.st_mode), 0)
    return body, handle(8, 1, struct.pack("<II", st.st_ino, gen))

def run(command):
    assert os.system(command) == 0, command

def say(name, got, *expected):
    print("ok" if got in expected else "not ok: %s, not %s" % (got, expected), "-", name, flush=True)

def where(body):
    return struct.unpack_from("<Q", body, 8)[0]     # the inode number

c = Client(root)
inside, forged = about(root + "/ok/f")
hidden = about(root + "/hidden/f")
run("mount -t tmpfs none %s/hidden && mount --bind %s/ok %s/bound" % (root, root, root))
given = c.handle(["ok", "f"])
say("OPEN brings a handle", given[0] > 0, True)
say("a file of /proc has none", Client("/proc").handle(["version"])[0], 0)

ino = struct.unpack_from("<Q", inside)[0]
os.rename(root + "/ok/f", root + "/ok/g")
status, rep = c.find(inside, NONE, b"/ok/f")
say("without a handle a file that was renamed is found by its number", (status, status or where(rep)), (0, ino))
wrong = inside[:12] + bytes([inside[12] ^ 1]) + inside[13:]
say("but not if it is of another generation", c.find(wrong, NONE, b"/ok/f")[0], ENOENT)
status, rep = c.find(inside, given, b"/ok/f")
say("with it, it is", (status, status or where(rep)), (0, ino))
open(root + "/ok/f", "w").close()
status, rep = c.find(inside, given, b"/ok/f")
say("also if another one has its name", (status, status or where(rep)), (0, ino))
say("but not if that isn't what was asked for", c.find(about(root + "/ok/f")[0], given)[0], ENOENT)

say("who makes one gets what a path would give", c.find(inside, forged)[0], 0)
say("and nothing that the whitelist hasn't", c.find(*about(root + "/../secret/f"))[0], EACCES)
say("nor what is closed to the user", c.find(*about(root + "/private/f"), uid=1000, caps=0)[0], ENOENT)
say("which root may", c.find(*about(root + "/private/f"))[0], 0)
say("nor what is hidden below a mount", c.find(*hidden)[0], ENOENT)
bound = Client(root + "/bound")
say("nor what is above the root of a bind mount", bound.find(*about(root + "/other"))[0], ENOENT)
say("where what is below it is found", bound.find(inside, given)[0], 0)

body, gone = about(root + "/other")
os.unlink(root + "/other")
say("a file that was removed is gone", c.find(body, gone, b"/other")[0], ENOENT)
os.rename(root + "/ok", root + "/private/moved")
say("a directory is found that was moved", c.find(*about(root + "/private/moved"))[0], 0)
say("and so is what is in it", c.find(inside, given, b"/ok/g")[0], 0)
run("umount -l %s/hidden %s/bound" % (root, root))

rng = random.Random(seed)
statuses = {c.find(inside, handle(4 * rng.randrange(1, 12), rng.randrange(1, 256), rng.randbytes(44)))[0] for _ in range(300)}
statuses |= {c.find(inside, handle(given[0], t, given[4:]))[0] for t in range(1, 256) if t != given[1]}
say("junk leads nowhere", statuses <= {0, ENOENT, ESTALE}, True)
say("and does no harm", c.find(inside, given)[0], 0)
for bad in (handle(3, 1, b""), handle(48, 1, b""), handle(8, 1, b"", 1)):
    try:
        said = Client(root).find(inside, bad)[0]
    except (Closed, ConnectionResetError):
        said = "closed"
    say("a handle that can't be is a bad frame", said, "closed")
PY

S "rm -rf $D && mkdir -p $D/secret $D/w/ok $D/w/hidden $D/w/private $D/w/bound && cd $D/w &&
	touch ../secret/f ok/f hidden/f private/f other && chmod 700 private"
whitelist Mount="$D/w;/proc"
check "the server starts" start_server || exit
seed=$RANDOM
echo "# seed $seed"
S -i "QTFS_VERSION=$QTFS_VERSION python3 - $SERVER_IP $SERVER_PORT $D/w $seed" <"$SCRATCH/client.py" >"$SCRATCH/said" 2>&1
while read -r line; do
	case $line in
	"ok - "*) ok "${line#ok - }" ;;
	"not ok: "*) not_ok "${line##* - }" "${line#not ok: }" ;;
	*) not_ok "the client" "$line" ;;
	esac
done <"$SCRATCH/said"
