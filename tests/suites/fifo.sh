#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# timeout: 240
# FIFOs between programs here and on the server; poll, select and epoll on them and on the server's special files.
. "$(dirname "$0")/lib.sh"

D=/srv/fifo
M=/mnt/fifo
ROOT=/mnt/fifo-root
FIFO=/usr/lib/qtfs/tests/fifo.py
FAULT=/sys/kernel/debug/qtfs_server/fault

check "the server starts" start_server || exit
S "rm -rf $D && mkdir -p $D"
check "mount" mount_qtfs $D $M || exit
check "mount the server's root" mount_qtfs / $ROOT || exit
requests() { awk -v op="${1:-.}" '$1 ~ op { n += $2 } END { print n + 0 }' /sys/fs/qtfs/*/stats; }
waits() { S "ps -eo comm | grep -c '^qtfsd-fifo'"; }

# ---- the same as on a local file system ----
mkdir "$SCRATCH/local" $M/here
with_timeout 100 python3 $FIFO "$SCRATCH/local" >"$SCRATCH/expected" 2>&1
is "the local checks end" $? 0 || tail -n 5 "$SCRATCH/expected"
with_timeout 100 python3 $FIFO $M/here >"$SCRATCH/got" 2>&1
is "the checks end on the mount" $? 0 || tail -n 5 "$SCRATCH/got" | sed 's/^/# /'
check "FIFOs behave as local ones" diff "$SCRATCH/expected" "$SCRATCH/got"
is "nobody is left waiting on the server" "$(waits)" 0

# ---- from one machine to the other ----
mkfifo $M/up $M/down
S "head -c 3000000 /dev/urandom >$D/data && { cat $D/data >$D/down & }"
is "what the server writes is read here" "$(cat $M/down | md5sum)" "$(S "cat $D/data" | md5sum)"
S "md5sum <$D/up >$D/sum & " &
cat $M/data >$M/up
wait
check "what is written here is read there" wait_for 10 eval '[ "$(S "cat $D/sum")" = "$(md5sum <$M/data)" ]'
cat $M/down >"$SCRATCH/read" &
reader=$!
check "a reader here waits on the server" wait_for 10 eval '[ "$(waits)" = 1 ]'
S "echo from there >$D/down"
wait $reader
is "a writer there wakes it" "$? $(cat "$SCRATCH/read")" "0 from there"
cat $M/down >"$SCRATCH/read" &
reader=$!
check "another reader waits" wait_for 10 eval '[ "$(waits)" = 1 ]'
kill -9 $reader
wait $reader 2>/dev/null
check "and is gone from the server when it's killed" wait_for 10 eval '[ "$(waits)" = 0 ]'
is "nobody would read there" "$(S "python3 -c 'import os; os.open(\"$D/down\", os.O_WRONLY | os.O_NONBLOCK)' 2>&1" | grep -c ENXIO\\\|Errno\ 6)" 1

# ---- what interrupts the server is no signal here ----
if S "[ -e $FAULT ]"; then
	S "echo fail op=OPEN_FIFO error=4 count=2 >$FAULT; { seq 3 >$D/down & }"
	is "an open goes on that was interrupted there" "$(with_timeout 30 cat $M/down 2>&1 | tr '\n' ' ')" "1 2 3 "
	S "echo fail op=POLL error=4 count=2 >$FAULT; { (echo first; sleep 0.5; echo second) >$D/down & }"
	is "and so does a read that waits" "$(with_timeout 30 cat $M/down 2>&1 | tr '\n' ' ')" "first second "
	S "echo clear >$FAULT"
else
	echo "# no faults can be injected in this build: left out"
fi

# ---- many that wait hold nobody up ----
mkdir $M/many
cat >"$SCRATCH/many.py" <<'PY'
import os, sys, threading
where, count = sys.argv[1], int(sys.argv[2])
for i in range(count):
    os.mkfifo(f"{where}/{i}")
got = []
def read(i):
    with open(f"{where}/{i}", "rb") as f:
        got.append(f.read())
threading.stack_size(131072)  # what each processor grants
threads = [threading.Thread(target=read, args=(i,)) for i in range(count)]
for t in threads:
    t.start()
print("started", flush=True)
for t in threads:
    t.join()
print(len(got), len(set(got)), flush=True)
PY
python3 "$SCRATCH/many.py" $M/many 500 >"$SCRATCH/many" 2>&1 &
many=$!
check "500 readers wait" wait_for 60 eval '[ "$(waits)" = 500 ]'
check "files are read and written meanwhile" with_timeout 20 eval "cmp $M/data $M/data && echo x >$M/x && ls -l $M/many >/dev/null"
S "cd $D/many && for i in *; do echo \$i >\$i; done"
wait $many
is "each reader gets its own" "$? $(tail -n 1 "$SCRATCH/many")" "0 500 500"
rm -r $M/many

# ---- poll on the server's special files ----
cat >"$SCRATCH/poll.py" <<'PY'
import errno, os, select, sys
def pollable(path):
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    except OSError as e:
        return errno.errorcode[e.errno]
    with select.epoll() as epoll:
        try:
            epoll.register(fd, select.EPOLLIN)
            return "pollable"
        except OSError as e:
            return errno.errorcode[e.errno]
        finally:
            os.close(fd)
for path in sys.argv[2:]:
    print(path, pollable(sys.argv[1] + path))
PY
NAMES=(/proc/{mounts,self/mountinfo,meminfo,1/status,1/environ} /sys/kernel/uevent_seqnum /sys/fs/cgroup/cgroup.procs /etc/passwd /etc)
is "epoll takes and refuses the same files" "$(python3 "$SCRATCH/poll.py" $ROOT "${NAMES[@]}")" \
	"$(S -i "cat >/tmp/poll.py && python3 /tmp/poll.py '' ${NAMES[*]}; rm /tmp/poll.py" <"$SCRATCH/poll.py")"

cat >"$SCRATCH/watch.py" <<'PY'
import os, select, sys
fd = os.open(sys.argv[1], os.O_RDONLY)
how = sys.argv[2]
os.read(fd, 65536)
def drain():
    os.lseek(fd, 0, 0)
    return os.read(fd, 65536)
if how == "poll":
    poll = select.poll()
    poll.register(fd, select.POLLPRI | select.POLLERR)
else:
    poll = select.epoll()
    poll.register(fd, select.EPOLLPRI | select.EPOLLERR | (select.EPOLLET if how == "edge" else 0))
print("quiet", poll.poll(0), flush=True)
got = poll.poll(60000 if how == "poll" else 60)
print("event", [hex(mask) for _, mask in got], flush=True)
drain()
print("quiet", poll.poll(0), flush=True)
PY
for how in poll level edge; do
	python3 "$SCRATCH/watch.py" $ROOT/proc/mounts $how >"$SCRATCH/watch" 2>&1 &
	watcher=$!
	wait_for 20 eval "grep -q quiet '$SCRATCH/watch'"
	S "mount -t tmpfs watched /media && umount /media"
	wait $watcher
	is "$how: a mount on the server is seen in /proc/mounts" "$? $(tr '\n' ' ' <"$SCRATCH/watch")" "0 quiet [] event ['0xa'] quiet [] "
done

S "mountpoint -q /sys/fs/cgroup || mount -t cgroup2 cgroup2 /sys/fs/cgroup; mkdir -p /sys/fs/cgroup/qtfs-watched"
python3 "$SCRATCH/watch.py" $ROOT/sys/fs/cgroup/qtfs-watched/cgroup.events poll >"$SCRATCH/watch" 2>&1 &
watcher=$!
wait_for 20 eval "grep -q quiet '$SCRATCH/watch'"
S "sleep 1000 & echo \$! >/sys/fs/cgroup/qtfs-watched/cgroup.procs; echo \$! >$D/pid"
wait $watcher
is "a process in a cgroup of the server is seen in cgroup.events" "$(tr '\n' ' ' <"$SCRATCH/watch")" "quiet [] event ['0xa'] quiet [] "
S "kill \$(cat $D/pid); while ! rmdir /sys/fs/cgroup/qtfs-watched 2>/dev/null; do sleep 0.05; done"

# ---- where nothing happens nothing is sent ----
cat >"$SCRATCH/idle.py" <<'PY'
import os, select, sys
where, count = sys.argv[1], int(sys.argv[2])
epoll = select.epoll()
fds = {}
for i in range(count):
    os.mkfifo(f"{where}/{i}")
    fd = os.open(f"{where}/{i}", os.O_RDWR | os.O_NONBLOCK)
    fds[fd] = i
    epoll.register(fd, select.EPOLLIN)
print("watching", flush=True)
for fd, mask in epoll.poll(60):
    print(fds[fd], hex(mask), os.read(fd, 10), flush=True)
PY
mkdir $M/idle
python3 "$SCRATCH/idle.py" $M/idle 900 >"$SCRATCH/idle" 2>&1 &
watcher=$!
check "900 files are watched" wait_for 60 eval "grep -q watching '$SCRATCH/idle'"
before=$(requests 'POLL|READ$|OPEN')
with_timeout 1 tail --pid=$watcher -f /dev/null
is "nothing is asked while nothing happens" "$(requests 'POLL|READ$|OPEN')" "$before"
S "echo hello >$D/idle/777"
wait $watcher
is "and the one thing that happens is told" "$(tail -n 1 "$SCRATCH/idle")" "777 0x1 b'hello\\n'"
rm -r $M/idle

# ---- a FIFO survives the engine ----
cat $M/down >"$SCRATCH/read" &
reader=$!
check "a reader waits" wait_for 10 eval '[ "$(waits)" = 1 ]'
check "the engine stops" stop_engine
S "echo without an engine >$D/down"
check "the engine starts" start_engine
wait $reader
is "the reader got what was written" "$? $(cat "$SCRATCH/read")" "0 without an engine"
check "umount" umount_qtfs $M
check "umount the root" umount_qtfs $ROOT
