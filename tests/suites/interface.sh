#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# timeout: 120
# The rest of the interface: chattr, O_TMPFILE, copies and clones on the server, syncfs, birth times, symbolic links.
. "$(dirname "$0")/lib.sh"

D=/srv/interface
M=/mnt/interface

check "the server starts" start_server || exit
S "rm -rf $D && mkdir -p $D && cd $D && echo text >f && mkdir dir && ln -s f link && head -c 5000000 /dev/urandom >big &&
	truncate -s 1M sparse && echo x >>sparse"
check "mount" mount_qtfs -o $LASTING $D $M || exit

# ---- flags ----
flags() { lsattr -d "$1" 2>/dev/null | awk '{ print $1 }'; }
is "lsattr says what the server says" "$(flags $M/f)" "$(S "lsattr -d $D/f" | awk '{ print $1 }')"
check "chattr +i" chattr +i $M/f
is "the server has it" "$(S "lsattr -d $D/f" | awk '{ print $1 }' | tr -d e-)" i
fails_with "an immutable file is not written to" EPERM sh -c "echo x >$M/f"
fails_with "nor removed" EPERM rm -f $M/f
check "chattr -i" chattr -i $M/f
check "it's written to again" sh -c "echo y >$M/f"
check "chattr +a" chattr +a $M/f
fails_with "a file to append to is not overwritten" EPERM sh -c "echo x >$M/f"
check "but appended to" sh -c "echo z >>$M/f"
chattr -a $M/f
check "a directory's flags" "chattr +d $M/dir && [ \"\$(flags $M/dir | tr -d e-)\" = d ]"
cp $M/f $M/own && chown 1000 $M/own
fails_with "who may not change them may not" EPERM setpriv --reuid 1000 --clear-groups chattr +i $M/own

# ---- files without a name, copies, clones: the same here and on a local file system ----
cat >"$SCRATCH/calls.py" <<'PY'
import ctypes, errno, fcntl, hashlib, os, struct, sys
libc = ctypes.CDLL(None, use_errno=True)
def link(fd, path):
    if libc.linkat(-100, f"/proc/self/fd/{fd}".encode(), -100, path.encode(), 0x400):
        raise OSError(ctypes.get_errno(), path)
def status(call, *args):
    try:
        return call(*args)
    except OSError as e:
        return errno.errorcode[e.errno]
def show(name, value):
    print(f"{name}: {value}")
d = sys.argv[1]
os.umask(0o022)
fd = os.open(d, os.O_TMPFILE | os.O_RDWR, 0o666)
st = os.fstat(fd)
show("tmpfile", (oct(st.st_mode), st.st_nlink, st.st_size))
os.write(fd, b"hello"); os.fsync(fd)
show("read back", os.pread(fd, 10, 0))
show("size", os.fstat(fd).st_size)
show("names", len([n for n in os.listdir(d) if n.startswith("tmp")]))
show("link", status(link, fd, d + "/tmp-linked"))
show("nlink", os.fstat(fd).st_nlink)
show("content", open(d + "/tmp-linked").read())
show("again", status(link, fd, d + "/tmp-linked"))
os.close(fd)
fd = os.open(d, os.O_TMPFILE | os.O_RDWR | os.O_EXCL, 0o600)
show("exclusive", status(link, fd, d + "/tmp-excl"))
os.close(fd)
show("read only", status(os.open, d, os.O_TMPFILE | os.O_RDONLY))

a, b = os.open(d + "/big", os.O_RDWR), os.open(d + "/copy", os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o644)
done = 0
while True:
    n = status(os.copy_file_range, a, b, 1 << 30, done, done)
    if not isinstance(n, int) or not n:
        break
    done += n
show("copied", (done, n))
show("equal", open(d + "/big", "rb").read() == open(d + "/copy", "rb").read())
os.pwrite(a, b"DIRTY", 100)
show("part", status(os.copy_file_range, a, b, 50, 90, 7))
show("what was dirty", os.pread(b, 20, 10))
show("behind the end", status(os.copy_file_range, a, b, 50, 1 << 40, 0))
show("to a hole", status(os.copy_file_range, a, b, 5, 0, 6000000))
show("size", os.fstat(b).st_size)
r = os.open(d + "/big", os.O_RDONLY)
show("not writable", status(os.copy_file_range, a, r, 5, 0, 0))
show("overlap", status(os.copy_file_range, a, a, 50, 0, 10))
show("into itself", status(os.copy_file_range, a, a, 50, 0, 1000))
ap = os.open(d + "/copy", os.O_WRONLY | os.O_APPEND)
show("appending", status(os.copy_file_range, a, ap, 5, 0, 0))
FICLONE = 0x40049409
show("clone", status(fcntl.ioctl, b, FICLONE, a))
show("sync", status(os.fsync, b))
show("sum", hashlib.md5(open(d + "/copy", "rb").read()).hexdigest())
os.sync()
PY
mkdir -p /srv/interface-local
cp /srv/interface/big /srv/interface-local/big 2>/dev/null || { S "cat $D/big" >/srv/interface-local/big; }
before=$(requests READ)
python3 "$SCRATCH/calls.py" $M >"$SCRATCH/there" 2>&1
python3 "$SCRATCH/calls.py" /srv/interface-local >"$SCRATCH/here" 2>&1
check "calls behave as on a local file system" diff "$SCRATCH/here" "$SCRATCH/there"
check "copies are the server's" [ "$(requests COPY)" -ge 2 ]
before=$(requests SYNCFS)
sync -f $M/f
is "syncfs reaches the server" $(($(requests SYNCFS) - before)) 1
rm -rf /srv/interface-local

# ---- times ----
is "a birth time" "$(stat -c %W $M/big)" "$(S stat -c %W $D/big)"
touch -d '2001-02-03 04:05:06.123456789' $M/big
is "nanoseconds" "$(S stat -c %y $D/big)" "$(stat -c %y $M/big)"
is "all nine digits of them" "$(stat -c %y $M/big | cut -d. -f2 | cut -c1-9)" 123456789

# ---- symbolic links ----
readlink $M/link >/dev/null
before=$(requests READLINK)
for _ in {1..5}; do readlink $M/link; cat $M/link; done >/dev/null
is "a link's target is asked for once" "$(requests READLINK)" "$before"
S "ln -sfn big $D/link"
changed() { [ "$(readlink $M/link)" = big ]; }
check "another link is another target" wait_for 2 changed
