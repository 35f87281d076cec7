#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# timeout: 1200
# long
# 10,000 files that are watched and at which nothing happens cost nothing, on neither machine.
. "$(dirname "$0")/lib.sh"

D=/srv/watched
M=/mnt/watched
: "${COUNT:=10000}"

check "the server starts" start_server || exit
S "rm -rf $D && mkdir -p $D"
check "mount" mount_qtfs $D $M || exit
cat >"$SCRATCH/watch.py" <<'PY'
import os, resource, select, sys
where, count = sys.argv[1], int(sys.argv[2])
resource.setrlimit(resource.RLIMIT_NOFILE, (count + 100, count + 100))
epoll = select.epoll()
fds = {}
for i in range(count):
    os.mkfifo(f"{where}/{i}")
    fd = os.open(f"{where}/{i}", os.O_RDWR | os.O_NONBLOCK)
    fds[fd] = i
    epoll.register(fd, select.EPOLLIN | (select.EPOLLET if i % 2 else 0))
assert not epoll.poll(0)
print("watching", flush=True)
for event in range(3):
    for fd, mask in epoll.poll(600):
        print(fds[fd], hex(mask), os.read(fd, 10), flush=True)
PY
# Of a hundred: how much of five seconds both machines spent at anything. The look itself is part of it.
busy() {
	local look='read -r _ a b c _ </proc/stat; sleep 5; read -r _ d e f _ </proc/stat; echo $((d + e + f - a - b - c))'
	S "$look" >"$SCRATCH/there" &
	bash -c "$look" >"$SCRATCH/here"
	wait $!
	echo $((($(cat "$SCRATCH/here") + $(cat "$SCRATCH/there")) / 5))
}

idle=$(busy)
python3 "$SCRATCH/watch.py" $M "$COUNT" >"$SCRATCH/said.py" 2>&1 &
watcher=$!
check "$COUNT files are watched" wait_for 600 eval "grep -q watching '$SCRATCH/said.py' || ! kill -0 $watcher" || exit
before=$(requests requests)
cpu=$(awk '{ print $14 + $15 }' /proc/$watcher/stat)
watching=$(busy)
is "nothing is asked" "$(requests requests)" "$before"
is "the program does nothing" "$(awk '{ print $14 + $15 }' /proc/$watcher/stat)" "$cpu"
echo "# busy with nothing: $idle %, with $COUNT watched: $watching %"
check "nor does anything else" [ "$watching" -le $((idle + 2)) ]
for i in 1 $((COUNT / 2)) $((COUNT - 1)); do
	S "echo hello >$D/$i"
done
wait $watcher
is "what happens is told" "$? $(tail -n 3 "$SCRATCH/said.py" | tr '\n' ' ')" \
	"0 1 0x1 b'hello\\n' $((COUNT / 2)) 0x1 b'hello\\n' $((COUNT - 1)) 0x1 b'hello\\n' "
check "umount" umount_qtfs $M
