#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# timeout: 600
# guests: 2
# trans: tcp pcie
# expect-log: connection lost|connected again|has forgotten this client|is open again|has been waiting|no answer for
# The server's machine loses power at any time, and comes back, while processes write and sync: what fsync() has confirmed is
# there, what it hasn't comes, and none of the processes hears of it. CUTS says how often; CLIENTS, how many mounts the WRITERS
# are shared among.
. "$(dirname "$0")/lib.sh"

D=/srv/power
M=/mnt/power
: "${CUTS:=3}" "${WRITERS:=3}" "${CLIENTS:=1}"

# Writes records to a file in place, and one file after the other; says which of them fsync() has confirmed.
cat >"$SCRATCH/write.py" <<'PY'
import os, sys

m, said = sys.argv[1], open(sys.argv[2], "w", buffering=1)
os.mkdir(m)
base = os.open(m + "/base", os.O_RDWR | os.O_CREAT, 0o644)
log = os.open(m + "/log", os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_DSYNC, 0o644)
os.pwrite(base, bytes(4096 * 64), 0)
os.fsync(base)
os.fsync(os.open(m, os.O_RDONLY))
os.fsync(os.open(os.path.dirname(m), os.O_RDONLY))
n = 0
while not os.path.exists(sys.argv[3]):
    n += 1
    os.pwrite(base, b"%08d" % n * 512, 4096 * (n % 64))
    os.fsync(base)
    made = os.open(m + "/made%d" % (n % 8), os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
    os.write(made, b"%08d" % n)
    os.fsync(made)
    os.close(made)
    os.write(log, b"%08d\n" % n)
    said.write("%d\n" % n)
os.close(base)
PY
# Every record that was confirmed is there, or a later one in its place.
cat >"$SCRATCH/verify.py" <<'PY'
import sys
d, n = sys.argv[1], int(sys.argv[2])
base = open(d + "/base", "rb").read()
wrong = []
for i in range(max(1, n - 63), n + 1):
    at = 4096 * (i % 64)
    page = base[at:at + 4096]
    if page != page[:8] * 512 or int(page[:8]) < i:
        wrong.append("base %d: %r" % (i, page[:8]))
for i in range(max(1, n - 7), n + 1):
    made = open(d + "/made%d" % (i % 8), "rb").read()
    # The next record may be on its way into the oldest file: ext4 has its length first, and zeros.
    begun = i == n - 7 and made in (b"", bytes(8))
    if not begun and (not made.isdigit() or int(made) < i):
        wrong.append("made %d of %d: %r" % (i, n, made))
lines = open(d + "/log").read().split("\n")
if lines[:n] != ["%08d" % i for i in range(1, n + 1)]:
    wrong.append("log: %d lines of %d" % (len(lines), n))
print("; ".join(wrong) or "all")
PY

confirmed() { tail -n 1 "$SCRATCH/confirmed$1"; }
work_on() { # RECORDS; so many more from each
	local i from=()
	for ((i = 0; i < WRITERS; i++)); do
		from+=("$(confirmed $i)")
	done
	for ((i = 0; i < WRITERS; i++)); do
		wait_for 120 eval "[ \"\$(confirmed $i)\" -ge $((from[i] + $1)) ]" || return
	done
}

check "the server starts" start_server || exit
S "rm -rf $D && mkdir $D && seq 100000 >$D/old && sync"
for ((c = 0; c < CLIENTS; c++)); do
	check "mount $c" mount_qtfs $D $M$c || exit
done
exec {old}<>${M}0/old
for ((i = 0; i < WRITERS; i++)); do
	python3 "$SCRATCH/write.py" $M$((i % CLIENTS))/w$i "$SCRATCH/confirmed$i" "$SCRATCH/stop" >"$SCRATCH/writer$i" 2>&1 &
	writers[i]=$!
done
check "records are confirmed" wait_for 60 eval '[ "$(cat "$SCRATCH"/confirmed* | grep -cx 1)" = $WRITERS ]'
all=0
for ((cut = 1; cut <= CUTS; cut++)); do
	work_on $((RANDOM % 5 + 1)) || not_ok "$cut: records are confirmed"
	printf "unstable %2d" $cut >&$old
	: >>${M}0/old # a close brings it to the server, no more
	is "$cut: the server has what is not confirmed" "$(S "head -c $((11 * cut)) $D/old | tail -c 11")" "$(printf "unstable %2d" $cut)"
	sleep 0.$((RANDOM % 10))
	check "$cut: the power is cut" host kill server
	kill -STOP "${writers[@]}" # what is under way goes on, nothing comes after it
	for ((i = 0; i < WRITERS; i++)); do
		had[i]=$(confirmed $i)
	done
	check "$cut: and comes back" host boot server
	S -i "cat >/tmp/verify.py" <"$SCRATCH/verify.py"
	for ((i = 0; i < WRITERS; i++)); do
		is "$cut: all ${had[i]} records that writer $i knows of are there" "$(S "python3 /tmp/verify.py $D/w$i ${had[i]}")" all
	done
	check "$cut: the server starts" eval 'whitelist && start_server' || exit
	kill -CONT "${writers[@]}"
	check "$cut: what was not confirmed is there, too" wait_for 60 eval "[ \"\$(S 'head -c $((11 * cut)) $D/old | tail -c 11')\" = '$(printf "unstable %2d" $cut)' ]"
	check "$cut: they go on" work_on 1
done
touch "$SCRATCH/stop"
for ((i = 0; i < WRITERS; i++)); do
	wait "${writers[i]}"
	is "writer $i saw no error" "$? $(cat "$SCRATCH/writer$i")" "0 "
	is "writer $i: all is there in the end" "$(S "python3 /tmp/verify.py $D/w$i $(confirmed $i)")" all
	all=$((all + $(confirmed $i)))
done
echo "# $all confirmed records in $CUTS cuts"
exec {old}<&-
for ((c = 0; c < CLIENTS; c++)); do
	check "umount $c" umount_qtfs $M$c
done
