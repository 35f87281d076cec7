#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# timeout: 700
# expect-log: connection lost|connected again|has forgotten this client|is open again|can't be opened again|a lock on|has been waiting|no answer for
# The server is loaded again: what was open goes on. power.sh is about its machine.
. "$(dirname "$0")/lib.sh"

D=/srv/restart
M=/mnt/restart
CLIENT=/sys/fs/qtfs

# The server's module is unloaded and loaded again, with a new engine.
go_down() { stop_engine && S "rmmod qtfs_server"; }
restart() { go_down && start_server; }
state() { cat $CLIENT/*/state; }

# A process that has things open, and does with them what it's told.
cat >"$SCRATCH/holder.py" <<'PY'
import errno, fcntl, os, struct, sys

m = sys.argv[1]
os.chdir(m + "/dir")
F_OFD_SETLK = 37

def lock(kind, start, length):
    return struct.pack("hhqqi4x", kind, os.SEEK_SET, start, length, 0)

files = {
    "reader": os.open(m + "/large", os.O_RDONLY),
    "writer": os.open(m + "/written", os.O_RDWR | os.O_CREAT, 0o644),
    "appender": os.open(m + "/log", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644),
    "readonly": os.open(m + "/readonly", os.O_WRONLY | os.O_CREAT, 0o400),
    "directory": os.open(m + "/dir", os.O_RDONLY),
    "gone": os.open(m + "/gone", os.O_RDWR | os.O_CREAT, 0o644),
    "replaced": os.open(m + "/replaced", os.O_RDWR | os.O_CREAT, 0o644),
    "hidden": os.open(m + "/hidden", os.O_RDWR | os.O_CREAT, 0o644),
    "renamed": os.open(m + "/sub/renamed", os.O_RDWR | os.O_CREAT, 0o644),
    "elsewhere": os.open(m + "/sub/elsewhere", os.O_RDWR | os.O_CREAT, 0o644),
    "renamed-directory": os.open(m + "/sub/directory", os.O_RDONLY),
    "by-path": os.open(m + "/sub/by-path", os.O_PATH),
    "unlinked": os.open(m + "/unlinked", os.O_RDWR | os.O_CREAT, 0o644),
    "revoked": os.open(m + "/secret/revoked", os.O_RDWR | os.O_CREAT, 0o644),
    "posix": os.open(m + "/locked", os.O_RDWR | os.O_CREAT, 0o644),
    "ofd": os.open(m + "/locked", os.O_RDWR),
    "flock": os.open(m + "/flocked", os.O_RDWR | os.O_CREAT, 0o644),
    "moved": os.open(m + "/moved-here", os.O_RDWR | os.O_CREAT, 0o644),
}
os.write(files["renamed"], b"before ")
os.unlink(m + "/unlinked")
os.rename(m + "/moved-here", m + "/dir/moved-there")
os.read(files["reader"], 10)
os.write(files["writer"], b"one ")
os.write(files["appender"], b"line 1\n")
os.fsync(files["writer"])
fcntl.fcntl(files["posix"], fcntl.F_SETLK, lock(fcntl.F_WRLCK, 0, 10))
fcntl.fcntl(files["ofd"], F_OFD_SETLK, lock(fcntl.F_RDLCK, 100, 10))
fcntl.flock(files["flock"], fcntl.LOCK_EX)

def do(words):
    verb, name = words[0], words[1]
    fd = files.get(name)
    if verb == "read":
        return os.read(fd, int(words[2])).decode()
    if verb == "pread":
        return os.pread(fd, int(words[2]), int(words[3])).decode()
    if verb == "write":
        return os.write(fd, " ".join(words[2:]).encode() + b"\n")
    if verb == "fsync":
        return os.fsync(fd) or 0
    if verb == "stat":
        return os.fstat(fd).st_size
    if verb == "within":
        return open(os.open(words[2], os.O_RDONLY, dir_fd=fd)).read().strip()
    if verb == "list":
        return len(os.listdir(fd))
    if verb == "cat":
        return open(name).read().strip()
    if verb == "cwd":
        return os.getcwd()
    if verb == "make":
        return os.close(os.open(name, os.O_CREAT | os.O_EXCL | os.O_WRONLY)) or 0
    if verb == "unlock":
        return fcntl.fcntl(fd, fcntl.F_SETLK, lock(fcntl.F_UNLCK, 0, 0)) and 0

print("ready", flush=True)
for line in sys.stdin:
    try:
        print(str(do(line.split())).replace("\n", "|"), flush=True)
    except OSError as e:
        print(errno.errorcode[e.errno], flush=True)
PY

# Whether a process of the server can lock bytes of a file, by fcntl or flock.
cat >"$SCRATCH/try.py" <<'PY'
import fcntl, os, struct, sys
fd = os.open(sys.argv[2], os.O_RDWR)
try:
    if sys.argv[1] == "flock":
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    else:
        fcntl.fcntl(fd, fcntl.F_SETLK, struct.pack("hhqqi4x", fcntl.F_WRLCK, 0, int(sys.argv[1]), 1, 0))
    print("free")
except BlockingIOError:
    print("locked")
PY
locked() { S -i "python3 - $1 $D/$2" <"$SCRATCH/try.py"; }

hold() {
	coproc HOLDER { python3 "$SCRATCH/holder.py" $M 2>&1; }
	holder=$HOLDER_PID
	exec {FROM}<&"${HOLDER[0]}"
	exec {TO}>&"${HOLDER[1]}"
	eval "exec ${HOLDER[0]}<&- ${HOLDER[1]}>&-"
	read -r said <&"$FROM"
	[ "$said" = ready ] || { echo "$said $(cat <&"$FROM")" && return 1; }
}
ask() { # WORDS...
	echo "$*" >&"$TO"
	read -r -t $((60 * RIG_SLOW)) said <&"$FROM" && echo "$said"
}
release() {
	exec {TO}>&- {FROM}<&-
	wait "$holder"
}

check "the server starts" start_server || exit
S "rm -rf $D && mkdir -p $D/dir $D/secret $D/sub/deep $D/sub/directory && touch $D/sub/directory/f && seq 300000 >$D/large && echo inside >$D/dir/f && echo deep >$D/sub/deep/f
	for name in by-path working; do mkdir $D/sub/\$name && echo \$name >$D/sub/\$name/f; done"
check "mount" mount_qtfs $D $M || exit
check "a process has files open" hold || exit
is "the first line of a file" "$(cat $M/sub/deep/f)" deep
mkfifo "$SCRATCH/look"
(cd $M/sub/working && read -r <"$SCRATCH/look"; cat f >"$SCRATCH/worked" 2>&1) &
worker=$!

S "mkfifo $D/fifo"
python3 - $M/fifo >"$SCRATCH/polled" 2>&1 <<'PY' &
import os, select, sys
p = select.epoll()
p.register(os.open(sys.argv[1], os.O_RDONLY | os.O_NONBLOCK), select.EPOLLIN)
print("waits", flush=True)
print("error" if p.poll()[0][1] & select.EPOLLERR else "something else")
PY
poller=$!
check "somebody waits for input from a FIFO" wait_for 10 grep -qx waits "$SCRATCH/polled"

# ---- the modules are loaded again ----
echo 3 >/proc/sys/vm/drop_caches
whitelist Open="/srv/restart/large;/srv/restart/written;/srv/restart/log;/srv/restart/readonly;/srv/restart/dir;/srv/restart/gone;/srv/restart/replaced;/srv/restart/locked;/srv/restart/flocked;/srv/restart/sub"
check "the server goes" go_down || exit
# What was moved to another directory and forgotten by the server's kernel can't be found; the rest can.
check "files get other names there" S "
	rm $D/gone $D/replaced && echo another >$D/replaced &&
	mv $D/sub/renamed $D/sub/has-been-renamed && echo another >$D/sub/renamed &&
	mv $D/sub/directory $D/dir/directory && mkdir $D/sub/other && mv $D/sub/by-path $D/sub/working $D/sub/other/ &&
	sync -f $D && echo 3 >/proc/sys/vm/drop_caches &&
	mv $D/sub/elsewhere $D/dir/is-elsewhere && mv $D/hidden $D/secret && echo another >$D/hidden"
check "the server is restarted" start_server || exit
is "files can be read" "$(with_timeout 60 cat $M/sub/deep/f)" deep
is "the state" "$(state)" connected
check "who waits for a FIFO hears that it has gone" wait_for 10 grep -qx error "$SCRATCH/polled" || kill $poller
wait $poller
is "an open file goes on where it was" "$(ask read reader 10 | tr -d '|')" 678910
is "what was written and synced is there" "$(S "cat $D/written")" "one "
is "an open file can be written" "$(ask write writer two)" 4
is "and synced" "$(ask fsync writer)" 0
is "which the server sees" "$(S "cat $D/written")" "one two"
is "what is appended goes to the end" "$(ask write appender line 2; S "tr '\n' '|' <$D/log")" "7"$'\n'"line 1|line 2|"
is "a file that only its maker could open to write" "$(ask write readonly still)" 6
is "an open directory" "$(ask list directory)" 4
is "a working directory" "$(ask cat f)" inside
is "a name can be made there" "$(ask make made)" 0
is "and is seen" "$(S "ls $D/dir" | tr '\n' ' ')" "directory f is-elsewhere made moved-there "
is "a file that was removed" "$(ask pread gone 1 0)" ESTALE
is "one in whose place there is another" "$(ask stat replaced; ask pread replaced 1 0)" "ESTALE"$'\n'"ESTALE"
is "one that was renamed there is open" "$(ask write renamed after; ask stat renamed; ask fsync renamed; S "cat $D/sub/has-been-renamed")" \
	"6"$'\n'"13"$'\n'"0"$'\n'"before after"
is "its old name is another file's" "$(cat $M/sub/renamed)" another
is "one that was moved to another directory" "$(ask write elsewhere there; ask stat elsewhere; ask fsync elsewhere; S "cat $D/dir/is-elsewhere")" \
	"6"$'\n'"6"$'\n'"0"$'\n'"there"
is "a directory that was moved" "$(ask list renamed-directory)" 1
is "one that was moved, and never opened" "$(ask within by-path f)" by-path
echo >"$SCRATCH/look"
check "somebody's working directory that was moved" wait $worker
is "and what he sees there" "$(cat "$SCRATCH/worked")" working
is "one that was moved to where the whitelist allows nothing" "$(ask pread hidden 1 0)" EACCES
is "one that had no name any more" "$(ask write unlinked x)" ESTALE
is "one that the whitelist doesn't allow any more" "$(ask pread revoked 1 0)" EACCES
is "one that was renamed is open" "$(ask write moved here)" 5
is "the other one can be opened" "$(cat $M/replaced)" another
fails_with "the revoked one can't be" EACCES cat $M/secret/revoked

# ---- locks ----
is "a POSIX lock is there" "$(locked 5 locked) $(locked 50 locked)" "locked free"
is "a lock of an open file" "$(locked 105 locked)" locked
is "and of flock()" "$(locked flock flocked)" locked
is "it can be let go" "$(ask unlock posix; locked 5 locked)" "0"$'\n'"free"
release
check "they go with the process" wait_for 5 eval '[ "$(locked 105 locked) $(locked flock flocked)" = "free free" ]'

# ---- under load ----
whitelist
check "the whitelist allows all again" S 'kill -HUP $(pidof qtfs-engine)'
check "processes begin to work" load_start $M || exit
for restarts in 1 2 3 4 5; do
	load_works 100 || not_ok "they work before restart $restarts"
	restart || not_ok "restart $restarts under load"
done
check "they work on" load_works 100
echo "# $(stat_of resent) requests sent again"
load_verify $D
rm -rf $M/load?

# ---- writing, by way of the page cache ----
dd if=/dev/urandom of="$SCRATCH/data" bs=1M count=24 2>/dev/null
dd if="$SCRATCH/data" of=$M/data bs=64k 2>"$SCRATCH/dd" &
writer=$!
wait_for 20 eval '[ $(S "stat -c %s $D/data") -gt 1000000 ]'
check "a restart while a file is written" restart
check "the writer goes on" wait $writer
is "and all of it is there" "$(S "md5sum <$D/data")" "$(md5sum <"$SCRATCH/data")"

# ---- appending: by the file's length it is told whether it was done ----
append() { # TEXT [sync]
	python3 -c 'import os, sys
flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | (os.O_SYNC if sys.argv[3:] else 0)
print(os.write(os.open(sys.argv[1], flags, 0o644), sys.argv[2].encode()))' $M/appended "$@" 2>&1
}
holds() { [ "$(S "cat $D/appended")" = "$1" ]; }
is_sent() { grep -q ' WRITE ' /sys/kernel/debug/qtfs/*/ops; }
append 0 >/dev/null
# These and append_ends are the two halves of one.
append_begins() { # TEXT [sync]
	append "$@" >"$SCRATCH/appended" &
	APPENDER=$!
}
append_unanswered() { # NAME CONTENT TEXT [sync]
	local name=$1 content=$2
	shift 2
	S "echo exec_then_drop_reply op=WRITE >/sys/kernel/debug/qtfs_server/fault"
	append_begins "$@"
	check "$name" wait_for 10 holds "$content"
}
append_ends() { # NAME SAID CONTENT
	wait $APPENDER
	is "$1: what it says" "$(tail -n 1 "$SCRATCH/appended" | sed 's/.*\] //')" "$2"
	check "$1: what is there" holds "$3"
}
if [ -e /sys/kernel/debug/qtfs/fault ]; then
	append_unanswered "an append is done and not answered" 01 1
	check "the server is restarted" restart
	append_ends "it was done" 1 01

	append_unanswered "so is one with O_SYNC" 012 2 sync
	check "the server is restarted, too" restart
	append_ends "it was done and synced" 1 012

	echo tx_drop op=WRITE >/sys/kernel/debug/qtfs/fault
	append_begins 3
	check "an append is lost on its way" wait_for 10 is_sent
	echo clear >/sys/kernel/debug/qtfs/fault
	check "and the server is restarted" restart
	append_ends "it was lost" 1 0123

	append_unanswered "an append is done" 01234 4
	check "and somebody else appends" S "printf other >>$D/appended"
	check "before the restart" restart
	append_ends "nobody can tell" "Input/output error" 01234other
fi

check "umount" umount_qtfs $M
