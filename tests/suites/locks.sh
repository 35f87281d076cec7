#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# timeout: 180
# Locks are the server's: two mounts (two clients) and processes on the server exclude each other. Waiting for one costs
# nothing but the wait, and can be interrupted; what a client or a process leaves behind is unlocked.
. "$(dirname "$0")/lib.sh"

D=/srv/locks
A=/mnt/locks-a
B=/mnt/locks-b

check "the server starts" start_server || exit
S "rm -rf $D && mkdir -p $D && cd $D && touch f g h && echo 0 >counter && truncate -s 1M range"
check "mount" mount_qtfs $D $A || exit
check "mount it again" mount_qtfs $D $B || exit

cat >"$SCRATCH/locks.py" <<'PY'
import errno, fcntl, os, signal, struct, subprocess, sys, threading, time
a, b, d, server = sys.argv[1:5]
F_OFD_GETLK, F_OFD_SETLK, F_OFD_SETLKW = 36, 37, 38

def flock_struct(kind, start=0, length=0, pid=0):
    return struct.pack("hhqqi4x", kind, os.SEEK_SET, start, length, pid)

def unpack(raw):
    kind, _, start, length, pid = struct.unpack("hhqqi4x", raw)
    return kind, start, length, pid

def result(name, good, why=""):
    print(f"ok - {name}" if good else f"not ok - {name}: {why}", flush=True)

def equal(name, got, want):
    result(name, got == want, f"got {got!r}, expected {want!r}")

def attempt(call, *args):
    try:
        call(*args)
        return 0
    except OSError as e:
        return e.errno

# In a process of its own: POSIX locks belong to processes.
class Other:
    def __init__(self, path, code, mode=os.O_RDWR):
        self.read, write = os.pipe()
        self.pid = os.fork()
        if not self.pid:
            os.close(self.read)
            fd = os.open(path, mode)
            status = attempt(code, fd)
            os.write(write, bytes([status]))
            time.sleep(3600)
        os.close(write)

    def status(self):
        return os.read(self.read, 1)[0]

    def ready(self, seconds):
        import select
        return bool(select.select([self.read], [], [], seconds)[0])

    def kill(self, how=signal.SIGKILL):
        os.kill(self.pid, how)
        os.waitpid(self.pid, 0)
        os.close(self.read)

def remote(command):
    return subprocess.run(["agent", "run", server, "5000", command], capture_output=True, text=True)

SH, EX, NB, UN = fcntl.LOCK_SH, fcntl.LOCK_EX, fcntl.LOCK_NB, fcntl.LOCK_UN

# ---- flock ----
fa, fb = os.open(a + "/f", os.O_RDWR), os.open(b + "/f", os.O_RDWR)
equal("flock is taken", attempt(fcntl.flock, fa, EX | NB), 0)
equal("and refused to the other client", attempt(fcntl.flock, fb, EX | NB), errno.EAGAIN)
result("and to a process on the server", remote(f"flock -n {d}/f true").returncode == 1)
equal("it can be turned into a shared one", attempt(fcntl.flock, fa, SH | NB), 0)
equal("which the other client may have as well", attempt(fcntl.flock, fb, SH | NB), 0)
result("and a process on the server", remote(f"flock -s -n {d}/f true").returncode == 0)
equal("but not for itself alone", attempt(fcntl.flock, fb, EX | NB), errno.EAGAIN)
fcntl.flock(fa, UN)
# A conversion that failed has lost the lock, as everywhere.
equal("after an unlock it's free", attempt(fcntl.flock, fb, EX | NB), 0)
os.close(fb)
equal("and after a close", attempt(fcntl.flock, fa, EX | NB), 0)

waiter = Other(b + "/f", lambda fd: fcntl.flock(fd, EX))
result("flock waits", not waiter.ready(0.5))
start = time.monotonic()
fcntl.flock(fa, UN)
result("until it's free", waiter.ready(5) and waiter.status() == 0)
print(f"# after {(time.monotonic() - start) * 1000:.0f} ms")
waiter.kill()
def free_again():
    end = time.monotonic() + 5
    while attempt(fcntl.flock, fa, EX | NB):
        if time.monotonic() > end:
            return False
        time.sleep(0.01)
    return True
result("a killed process loses it", free_again())
waiter = Other(b + "/f", lambda fd: fcntl.flock(fd, EX))
result("another one waits", not waiter.ready(0.3))
waiter.kill()
fcntl.flock(fa, UN)
result("and is not given it after it was killed", free_again())
fcntl.flock(fa, UN)

def interrupted(fd):
    signal.signal(signal.SIGALRM, lambda *_: (_ for _ in ()).throw(InterruptedError(errno.EINTR, "alarm")))
    signal.setitimer(signal.ITIMER_REAL, 0.3)
    fcntl.flock(fd, EX)
fcntl.flock(fa, EX)
waiter = Other(b + "/f", interrupted)
result("a signal ends the wait", waiter.ready(5) and waiter.status() == errno.EINTR)
waiter.kill()
fcntl.flock(fa, UN)
result("and the lock is still to be had", free_again())
fcntl.flock(fa, UN)

# ---- POSIX ----
def setlk(kind, start=0, length=0, wait=False):
    cmd = fcntl.F_SETLKW if wait else fcntl.F_SETLK
    return lambda fd: fcntl.fcntl(fd, cmd, flock_struct(kind, start, length))

ra = os.open(a + "/range", os.O_RDWR)
fcntl.fcntl(ra, fcntl.F_SETLK, flock_struct(fcntl.F_WRLCK, 100, 50))
other = Other(b + "/range", setlk(fcntl.F_RDLCK, 120, 10))
equal("a range is refused to the other client", other.status(), errno.EAGAIN)
other.kill()
other = Other(a + "/range", setlk(fcntl.F_RDLCK, 149, 1))
equal("and to another process of the same client", other.status(), errno.EAGAIN)
other.kill()
other = Other(b + "/range", setlk(fcntl.F_WRLCK, 150, 10))
equal("what lies beside it is not", other.status(), 0)

rb = os.open(b + "/range", os.O_RDWR)
equal("F_GETLK by the other client tells of another machine's lock",
      unpack(fcntl.fcntl(rb, fcntl.F_GETLK, flock_struct(fcntl.F_RDLCK, 0, 0))),
      (fcntl.F_WRLCK, 100, 50, -os.getpid()))
asked = os.open(a + "/range", os.O_RDWR)
equal("of a process of another mount as well",
      unpack(fcntl.fcntl(asked, fcntl.F_GETLK, flock_struct(fcntl.F_RDLCK, 150, 0))),
      (fcntl.F_WRLCK, 150, 10, -other.pid))
equal("F_GETLK where nothing is in the way",
      unpack(fcntl.fcntl(rb, fcntl.F_GETLK, flock_struct(fcntl.F_RDLCK, 500, 0)))[0], fcntl.F_UNLCK)
other.kill()
same = Other(a + "/range", setlk(fcntl.F_RDLCK, 1000, 10))
equal("a process of the same client locks", same.status(), 0)
equal("and is named by F_GETLK",
      unpack(fcntl.fcntl(ra, fcntl.F_GETLK, flock_struct(fcntl.F_WRLCK, 900, 200))),
      (fcntl.F_RDLCK, 1000, 10, same.pid))
same.kill()
code = f"python3 -c \"import fcntl,struct; f=open('{d}/range','r+'); r=fcntl.fcntl(f,5,struct.pack('hhqqi4x',1,0,0,0,0)); print(struct.unpack('hhqqi4x',r)[:4])\""
equal("a process on the server sees it", remote(code).stdout.strip(), "(1, 0, 100, 50)")
os.close(asked)	# one's own descriptor: all of the process's locks go
other = Other(b + "/range", setlk(fcntl.F_WRLCK))
equal("closing any descriptor unlocks", other.status(), 0)
other.kill()

fcntl.fcntl(ra, fcntl.F_SETLK, flock_struct(fcntl.F_WRLCK, 0, 10))
fcntl.fcntl(ra, fcntl.F_SETLK, flock_struct(fcntl.F_UNLCK, 4, 2))
other = Other(b + "/range", setlk(fcntl.F_WRLCK, 4, 2))
equal("a part that was unlocked is free", other.status(), 0)
other.kill()
other = Other(b + "/range", setlk(fcntl.F_WRLCK, 6, 1))
equal("the rest is not", other.status(), errno.EAGAIN)
other.kill()

waiter = Other(b + "/range", setlk(fcntl.F_WRLCK, 0, 1, True))
result("F_SETLKW waits", not waiter.ready(0.5))
fcntl.fcntl(ra, fcntl.F_SETLK, flock_struct(fcntl.F_UNLCK))
result("until it's free", waiter.ready(5) and waiter.status() == 0)
waiter.kill()

# Two processes that wait for each other: one of them is told.
def deadlock(first, second):
    def code(fd):
        setlk(fcntl.F_WRLCK, first, 1)(fd)
        time.sleep(0.3)
        setlk(fcntl.F_WRLCK, second, 1, True)(fd)
    return code
one, two = Other(a + "/range", deadlock(0, 1)), Other(b + "/range", deadlock(1, 0))
time.sleep(0.6)
told = [o for o in (one, two) if o.ready(5)]
equal("a deadlock is told", sorted(o.status() for o in told), [errno.EDEADLK])
one.kill(), two.kill()

# ---- open file descriptions ----
oa, oa2 = os.open(a + "/range", os.O_RDWR), os.open(a + "/range", os.O_RDWR)
equal("an OFD lock is taken", attempt(fcntl.fcntl, oa, F_OFD_SETLK, flock_struct(fcntl.F_WRLCK, 0, 5)), 0)
equal("and refused to another one of the process", attempt(fcntl.fcntl, oa2, F_OFD_SETLK,
      flock_struct(fcntl.F_WRLCK, 0, 5)), errno.EAGAIN)
equal("F_OFD_GETLK says -1", unpack(fcntl.fcntl(rb, F_OFD_GETLK, flock_struct(fcntl.F_WRLCK, 0, 0))),
      (fcntl.F_WRLCK, 0, 5, -1))
os.close(oa)
equal("it goes with the last close", attempt(fcntl.fcntl, oa2, F_OFD_SETLK, flock_struct(fcntl.F_WRLCK, 0, 5)), 0)
os.close(oa2)

# ---- many that wait ----
holder = os.open(a + "/g", os.O_RDWR)
fcntl.flock(holder, EX)
crowd = [Other(b + "/g", lambda fd: (fcntl.flock(fd, EX), fcntl.flock(fd, UN))) for _ in range(100)]
start = time.monotonic()
os.stat(b + "/h")
with open(b + "/h", "w") as h:
    h.write("x")
result("a hundred that wait hold nobody up", time.monotonic() - start < 5 and not any(o.ready(0) for o in crowd))
fcntl.flock(holder, UN)
equal("and each gets it", [o.status() for o in crowd], [0] * 100)
for o in crowd:
    o.kill()
os.close(holder)

# ---- no update is lost ----
def add(path, times):
    for _ in range(times):
        fd = os.open(path, os.O_RDWR)
        fcntl.lockf(fd, EX)
        n = int(os.pread(fd, 20, 0))
        os.pwrite(fd, b"%d\n" % (n + 1), 0)
        fcntl.lockf(fd, UN)
        os.close(fd)
kids = []
for m in (a, b, d, a, b):
    pid = os.fork()
    if not pid:
        add(m + "/counter", 40)
        os._exit(0)
    kids.append(pid)
equal("all counted", [os.waitpid(p, 0)[1] for p in kids], [0] * 5)
equal("and no count was lost", open(d + "/counter").read().strip(), "200")
PY
# The counter's third party is a process on the server, which is this machine only where there is one.
[ "$RIG_GUESTS" = 1 ] || sed -i 's/in (a, b, d, a, b)/in (a, b, a, a, b)/; s|open(d + "/counter")|open(a + "/counter")|' "$SCRATCH/locks.py"
with_timeout 120 python3 "$SCRATCH/locks.py" $A $B $D $SERVER_IP >"$SCRATCH/out" 2>&1
status=$?
cat "$SCRATCH/out" >&"$RESULTS"
is "the checks end" $status 0
FAILURES=$((FAILURES + $(grep -c '^not ok' "$SCRATCH/out")))

# ---- what is left behind ----
(
	exec 7<>$B/f
	flock 7
	exec sleep 100
) &
sleeper=$!
held() { ! S "flock -n $D/f true"; }
check "a process holds a lock" wait_for 5 held
kill $sleeper
check "nothing is locked on the server when it's gone" wait_for 5 S "flock -n $D/f true"
(
	exec 7<>$B/f
	flock 7
	exec sleep 100
) &
sleeper=$!
check "another one holds it" wait_for 5 held
kill $sleeper
wait $sleeper 2>/dev/null
check "the other client can go with locks held" umount_qtfs $B
check "and they go" wait_for 5 S "flock -n $D/f true && ! grep -q $(stat -c %i $A/f) /proc/locks"

# ---- local_lock ----
check "local_lock=all" mount_qtfs -o local_lock=all $D $B || exit
exec 7<>$A/f 8<>$B/f
flock 7
check "locks stay on this machine" flock -n 8
flock -u 7
check "another local_lock is refused" "! mount -t qtfs -o $(transport_options),local_lock=maybe $D /mnt"
is "the option is shown" "$(grep -c "$B .*local_lock=all" /proc/mounts)" 1
exec 7>&- 8>&-
