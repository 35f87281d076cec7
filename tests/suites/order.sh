#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# long
# timeout: 1800
# guests: 1
# Random changes by the server itself and by two mounts, for SECONDS_LONG seconds, while each of the three looks on and
# knows the order: nobody may see what was before a change that returned LIMIT ms ago, nor go back to what is older than
# what he has seen. Nothing is lost that is counted under a lock, and a listener hears of what the server makes.
# The limit that is wanted is 50 ms; it can be asked for where the machine's clock isn't disturbed (`rig up --icount`).
. "$(dirname "$0")/lib.sh"

D=/srv/order
M=/mnt/order
: "${SECONDS_LONG:=600}" "${LIMIT:=2000}" "${SEED:=$EPOCHSECONDS}"

check "the server starts" start_server || exit
S "rm -rf $D && mkdir $D"
# Nothing but events can be the reason: what is known is believed for an hour.
check "mount" mount_qtfs -o $LASTING $D $M/1 || exit
check "a second one" mount_qtfs -o $LASTING $D $M/2 || exit

cat >"$SCRATCH/order.py" <<'PY'
import fcntl, mmap, os, random, sys, time

seconds, limit, seed = float(sys.argv[1]), int(sys.argv[2]) * 1000000, int(sys.argv[3])
go = sys.argv[4]
sides = sys.argv[5:]                    # the same folder: the server's, and that of each mount
now = time.monotonic_ns
KEPT = 1024                             # versions whose time is known; more than can be made within the limit

def write(path, text, flags=os.O_WRONLY | os.O_CREAT):
    fd = os.open(path, flags, 0o644)
    os.write(fd, text.encode())
    os.close(fd)

def content(path):
    fd = os.open(path, os.O_RDONLY)
    try:
        return os.read(fd, 64)
    finally:
        os.close(fd)

# A register: something that has a version, of which make() makes the next and see() tells which there is.
# None: it couldn't be told, which is only allowed while a change is under way.
# Where versions are told modulo something, the newest of those is meant that had begun by then.
class Register:
    def __init__(self, name, number):
        self.name, self.number = name, number

    def path(self, side, more=""):
        return f"{side}/{self.name}{more}"

    def begin(self, side):
        write(self.path(side), "%012d" % 0)

    def see(self, side, newest):
        return int(content(self.path(side)))

class Overwritten(Register):
    def make(self, side, n):
        write(self.path(side), "%012d" % n, os.O_WRONLY)

class HeldOpen(Overwritten):            # as Overwritten, by a descriptor that stays open
    def begin(self, side):
        super().begin(side)
        self.held = {}

    def see(self, side, newest):
        if side not in self.held:
            self.held[side] = os.open(self.path(side), os.O_RDONLY)
        return int(os.pread(self.held[side], 64, 0))

class Replaced(Register):               # as editors save
    def make(self, side, n):
        write(self.path(side, ".new"), "%012d" % n)
        os.rename(self.path(side, ".new"), self.path(side))

class Appended(Register):
    def begin(self, side):
        write(self.path(side), "")

    def make(self, side, n):
        write(self.path(side), "x", os.O_WRONLY | os.O_APPEND)

    def see(self, side, newest):
        return os.stat(self.path(side)).st_size

class Sized(Appended):
    def make(self, side, n):
        os.truncate(self.path(side), n)

class Timed(Register):
    def begin(self, side):
        super().begin(side)
        self.make(side, 0)

    def make(self, side, n):
        os.utime(self.path(side), ns=(10 ** 18, n))

    def see(self, side, newest):
        return os.stat(self.path(side)).st_mtime_ns

class Moded(Register):                  # the version is told modulo 512
    def begin(self, side):
        super().begin(side)
        self.make(side, 0)

    def make(self, side, n):
        os.chmod(self.path(side), n % 512)

    def see(self, side, newest):
        mode = os.stat(self.path(side)).st_mode % 512
        newest = begun[self.number]
        return newest - (newest - mode) % 512

class Attribute(Register):
    def begin(self, side):
        super().begin(side)
        self.make(side, 0)

    def make(self, side, n):
        os.setxattr(self.path(side), "user.n", b"%d" % n)

    def see(self, side, newest):
        return int(os.getxattr(self.path(side), "user.n"))

class Link(Register):
    def begin(self, side):
        self.make(side, 0)

    def make(self, side, n):
        os.symlink(str(n), self.path(side, ".new"))
        os.rename(self.path(side, ".new"), self.path(side))

    def see(self, side, newest):
        return int(os.readlink(self.path(side)))

class There(Register):                  # made and removed: odd versions are there
    def begin(self, side):
        pass

    def make(self, side, n):
        if n % 2:
            write(self.path(side), "")
        else:
            os.unlink(self.path(side))

    def see(self, side, newest):
        there = os.path.lexists(self.path(side))
        newest = begun[self.number]
        return newest - (newest + there) % 2

class Folder(There):
    def make(self, side, n):
        (os.mkdir if n % 2 else os.rmdir)(self.path(side))

class Renamed(Register):                # the name has the version
    def begin(self, side):
        os.mkdir(self.path(side))
        write(self.path(side, "/0"), "")

    def make(self, side, n):
        os.rename(self.path(side, f"/{n - 1}"), self.path(side, f"/{n}"))

    def see(self, side, newest):
        names = os.listdir(self.path(side))
        return int(names[0]) if len(names) == 1 else None

class Named(Renamed):                   # likewise, asked by name: what is absent now is there later
    def see(self, side, newest):
        for n in range(newest, max(newest - 4, -1), -1):
            if os.path.lexists(self.path(side, f"/{n}")):
                return n
        return None

class Rotated(Register):                # mv a b; touch a
    def begin(self, side):
        os.mkdir(self.path(side))
        self.touch(side, "/a", 0)

    def touch(self, side, name, n):
        write(self.path(side, name), "%012d" % n)

    def make(self, side, n):
        os.rename(self.path(side, "/a"), self.path(side, "/b"))
        self.touch(side, "/a", n)

    def see(self, side, newest):
        try:
            return int(content(self.path(side, "/a")))
        except (FileNotFoundError, ValueError):
            return None                 # or still empty

class RotatedOld(Rotated):              # and what is in b
    def begin(self, side):
        super().begin(side)
        self.touch(side, "/b", -1)

    def see(self, side, newest):
        return int(content(self.path(side, "/b"))) + 1

registers = [kind(kind.__name__, number) for number, kind in enumerate((
    Overwritten, HeldOpen, Replaced, Appended, Sized, Timed, Moded, Attribute, Link, There, Folder, Renamed, Named, Rotated, RotatedOld))]

class Shared:                           # numbers that all processes have in common
    def __init__(self, count):
        self.view = memoryview(mmap.mmap(-1, count * 8)).cast("q")

begun = Shared(len(registers)).view     # the newest version whose making has begun
done = Shared(len(registers)).view      # and the newest that was made
when = Shared(len(registers) * KEPT).view
made = Shared(len(sides)).view
counts = Shared(8).view
wrongs = 0

def wrong(text):
    global wrongs
    wrongs += 1
    if wrongs <= 5:
        print("wrong:", text, flush=True)

def change(number):
    r, chance = registers[number], random.Random(seed * 100 + number)
    n = 0
    while now() < end:
        side = chance.randrange(len(sides))
        n += 1
        begun[number] = n
        while True:
            try:
                r.make(sides[side], n)
                break
            except (FileNotFoundError, FileExistsError):
                # The last change was another side's, and may be unknown to this one for as long.
                if now() - when[number * KEPT + (n - 1) % KEPT] > limit:
                    raise
        when[number * KEPT + n % KEPT] = now()
        done[number] = n
        made[side] += 1                 # about: it's only told
        time.sleep(chance.random() * chance.choice((0.01, 0.1, 1)))

def look(side):
    seen = [0] * len(registers)
    worst, looks, late = [0] * len(registers), 0, 0
    while now() < end:
        for number, r in enumerate(registers):
            start, newest = now(), begun[number]
            n_done = done[number]
            n = None
            try:
                n = r.see(sides[side], newest)
            except OSError as error:
                wrong(f"{r.name} by {sides[side]}: {error}")
                continue
            looks += 1
            if n is None:               # in the middle of a change, or of one that isn't seen yet
                n = max(n_done - 1, 0)
                if begun[number] > n_done or begun[number] != newest:
                    continue
            if n > begun[number]:
                wrong(f"{r.name} by {sides[side]}: {n}, and only {begun[number]} was begun")
            if n < seen[number] and not isinstance(r, (There, Moded)):
                wrong(f"{r.name} by {sides[side]}: {n} after {seen[number]}")
            seen[number] = max(n, seen[number])
            if n < n_done and n_done - n < KEPT:
                stale = start - when[number * KEPT + (n + 1) % KEPT]
                worst[number] = max(worst[number], stale)
                late += stale > 5000000
                if stale > limit:
                    wrong(f"{r.name} by {sides[side]}: {n} is there {stale / 1e6:.1f} ms after {n + 1} was made, {n_done} is the newest")
        time.sleep(0.01)
    print(f"# {sides[side]} looked {looks} times, {late} times at what was older than 5 ms; the worst, in ms: " +
          ", ".join(f"{r.name} {worst[i] / 1e6:.1f}" for i, r in enumerate(registers)), flush=True)

def count(number, side):                # under a lock, each adds one to what the last one left
    chance = random.Random(seed + number)
    while now() < end:
        flock = bool(number // len(sides))
        fd = os.open(f"{sides[side]}/count{int(flock)}", os.O_RDWR)
        (fcntl.flock if flock else fcntl.lockf)(fd, fcntl.LOCK_EX)
        n = int(os.pread(fd, 64, 0))
        os.pwrite(fd, b"%012d" % (n + 1), 0)
        counts[number] += 1
        os.close(fd)
        time.sleep(chance.random() * 0.2)

for r in registers:
    r.begin(sides[0])
for lock in 0, 1:
    write(f"{sides[0]}/count{lock}", "%012d" % 0)
print("ready", flush=True)
while not os.path.exists(go):
    time.sleep(0.1)
end = now() + int(seconds * 10 ** 9)
workers = []
for work, *args in ([(change, n) for n in range(len(registers))] + [(look, s) for s in range(len(sides))] +
                    [(count, n, n % len(sides)) for n in range(2 * len(sides))]):
    pid = os.fork()
    if not pid:
        try:
            work(*args)
        except BaseException as error:
            wrong(f"{work.__name__} {args}: {error!r}")
        os._exit(1 if wrongs else 0)
    workers.append(pid)
bad = sum(os.waitpid(pid, 0)[1] != 0 for pid in workers)
time.sleep(limit / 1e9)
for number, r in enumerate(registers):
    for side in sides:
        n = r.see(side, begun[number])
        if n != done[number]:
            print(f"wrong: in the end {r.name} by {side} is {n}, not {done[number]}")
            bad += 1
for lock in 0, 1:
    own = [counts[lock * len(sides) + s] for s in range(len(sides))]
    for side in sides:
        n = int(content(f"{side}/count{lock}"))
        if n != sum(own):
            print(f"wrong: counted under {'flock' if lock else 'fcntl'}: {n} by {side}, not {sum(own)}")
            bad += 1
    print(f"# counted under {'flock' if lock else 'fcntl'} locks by the three: {own}")
print(f"# changes: {sum(done)}, by the three: {list(made)}")
print(f"rotated {done[[r.name for r in registers].index('Rotated')]}")
sys.exit(1 if bad else 0)
PY
python3 "$SCRATCH/order.py" "$SECONDS_LONG" "$LIMIT" "$SEED" "$SCRATCH/go" $D $M/1 $M/2 >"$SCRATCH/result" 2>&1 &
running=$!
check "it begins" wait_for 60 grep -q ready "$SCRATCH/result"
# With both kinds of events, no two that follow each other are the same, which would be told as one.
inotifywait -q -m -e moved_to -e create --format '%e %f' $M/1/Rotated >"$SCRATCH/heard" 2>"$SCRATCH/listener" &
listener=$!
listens() { grep -q '^inotify wd:' /proc/$listener/fdinfo/* 2>/dev/null; }
check "a listener" wait_for 10 listens
touch "$SCRATCH/go"
wait $running
status=$?
grep -v ready "$SCRATCH/result"
is "seed $SEED: what is seen is in order, and at most $LIMIT ms old" $status 0
rotated=$(awk '$1 == "rotated" { print $2 }' "$SCRATCH/result")
heard() { [ "$(grep -c '^MOVED_TO b$' "$SCRATCH/heard")" -ge "$rotated" ]; }
check "the listener heard each of $rotated times that a was moved to b" wait_for 5 heard
echo "# it heard $(grep -c MOVED_TO "$SCRATCH/heard") moves, and that $(grep -c CREATE "$SCRATCH/heard") were created"
kill $listener
