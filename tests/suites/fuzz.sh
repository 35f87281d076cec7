#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# timeout: 240
# guests: 1
# trans: tcp
# expect-log: modfuzz\[
# Hostile peers of the modules: a client, a server, an engine, each for some seconds (tests/fuzz/modules). Afterwards
# honest ones must work as if nothing had been; whatever the kernel has to say of it is a failure (rig). SEED=N, as the
# first line tells, gives the same again, as far as replies don't differ. fuzz-more.sh takes minutes for it.
. "$(dirname "$0")/lib.sh"

FUZZ=/usr/lib/qtfs/tests/modfuzz
D=/srv/fuzz
M=/mnt/fuzz
HOSTILE_PORT=12399
: "${SEED:=1}" "${FUZZ_SECONDS:=$((5 * (RIG_SLOW + 1) / 2))}"
# Errors come soon, and nobody waits for ever.
IMPATIENT=soft,timeo=1000,retrans=0

echo "# SEED=$SEED, $FUZZ_SECONDS s each"

# The last lines of what a hostile peer has said.
said() { # NAME
	grep -vE '^(session|engine) [0-9]+$' "$SCRATCH/$1" | sed "s/^/# $1: /"
	grep -E '^(session|engine) [0-9]+$' "$SCRATCH/$1" | tail -n 1 | sed "s/^/# $1: the last was /"
}

mkdir -p $M
# Everything as at the beginning: a full disk, or chattr(1)'s flags, are in nobody's way.
fresh() {
	local i
	[ ! -d $D ] || chattr -R -f -i -a $D
	rm -rf $D
	mkdir -p $D/d0/d1 $D/d1/d2 $D/d2
	for i in 0 1 2 3 4 5; do seq $((i * 2000)) >$D/f$i; done
	ln -sf f0 $D/l0
	ln -sf d0 $D/l1
	mkfifo $D/p0 2>/dev/null
	mknod $D/c0 c 1 3 2>/dev/null
}
fresh

# ---- a hostile client ----

whitelist Mount="$D;/proc/sys" Open="$D;/proc/sys" Read="$D;/proc/sys" Readdir="$D;/proc/sys" Write=$D Mkdir=$D Rmdir=$D \
	Create=$D Unlink=$D Rename=$D Setattr=$D Setxattr=$D
check "the server starts" start_server || exit
for i in 1 2; do
	$FUZZ client --address $SERVER_IP --port $SERVER_PORT --directory $D --seconds "$FUZZ_SECONDS" --seed $((SEED + i * 1000000)) \
		--wrong 5 >"$SCRATCH/client$i" 2>&1 &
	clients[i]=$!
done
for i in 1 2; do
	wait "${clients[i]}"
	is "a hostile client $i is served as it deserves" "$? $(grep '^wrong' "$SCRATCH/client$i")" "0 "
	said client$i
done
fresh
honest "after hostile clients"

# ---- a hostile server ----

# A mount, some load, and the end, again and again: each mount meets another server.
mounts=0 stuck=0
end=$((FUZZ_SECONDS * 2))
$FUZZ server --address $CLIENT_IP --port $HOSTILE_PORT --seconds $((FUZZ_SECONDS * 2 + 20 * RIG_SLOW)) --seed "$SEED" --wrong 8 \
	>"$SCRATCH/server" 2>&1 &
server=$!
wait_for 5 grep -q listening "$SCRATCH/server"
modprobe qtfs
SECONDS=0
while [ $SECONDS -lt $end ]; do
	mounts=$((mounts + 1))
	mount -t qtfs -o "addr=$CLIENT_IP,port=$HOSTILE_PORT,$IMPATIENT,nconnect=$((1 + mounts % 3))" / $M 2>/dev/null || continue
	$FUZZ load --directory $M --seconds $((FUZZ_SECONDS < 4 ? FUZZ_SECONDS : 4)) --seed $((SEED + mounts * 1000)) >>"$SCRATCH/load" 2>&1 ||
		stuck=$((stuck + 1))
	with_timeout 20 umount $M || { umount -f -l $M && stuck=$((stuck + 1)); }
done
is "a mount of a hostile server can always be ended" "$stuck $(grep '^wrong' "$SCRATCH/load" | head -n 3)" "0 "
kill $server 2>/dev/null
wait $server
echo "# $mounts mounts; $(tail -n 1 "$SCRATCH/server")"
honest "after a hostile server"

# ---- a hostile engine ----

check "a mount whose engine will be another one" mount_qtfs -o $IMPATIENT $D $M
stop_engine
$FUZZ load --directory $M --seconds "$FUZZ_SECONDS" --seed "$SEED" >"$SCRATCH/load2" 2>&1 &
load=$!
$FUZZ client --address $SERVER_IP --port $SERVER_PORT --directory $D --seconds "$FUZZ_SECONDS" --seed "$SEED" --wrong 2 \
	>"$SCRATCH/client3" 2>&1 &
client=$!
$FUZZ engine --seconds "$FUZZ_SECONDS" --seed "$SEED" --wrong 20 >"$SCRATCH/engine" 2>&1
status=$?
wait $load
is "who uses a mount of a server with a hostile engine can be killed" "$? $(grep '^wrong' "$SCRATCH/load2")" "0 "
wait $client
is "a hostile engine does what an engine may" "$status $(grep '^wrong' "$SCRATCH/engine")" "0 "
said engine
check "an honest engine starts after it" start_engine
with_timeout 20 umount $M || umount -f -l $M
MOUNTED=()
fresh
honest "after a hostile engine"
check "the server stops" stop_server
