#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# long
# timeout: 900
# trans: tcp vsock pcie
# expect-log: modfuzz\[
# Peers that say anything at all, random bytes and mutated frames, by each transport and in both directions, and who
# writes into a window that two others use: HOSTILE_SECONDS each. What is connected breaks, a new mount works, and
# the kernel has nothing to say. hostile-more.sh takes ten minutes for each. SEED=N gives the same choices again.
. "$(dirname "$0")/lib.sh"

FUZZ=/usr/lib/qtfs/tests/modfuzz
D=/srv/hostile
M=/mnt/hostile
HOSTILE_PORT=12399
LOCAL_PORT=4100 # of the bridge between a window and a hostile peer
: "${SEED:=$EPOCHSECONDS}" "${HOSTILE_SECONDS:=60}"
# Errors come soon, and nobody waits for ever.
IMPATIENT=soft,timeo=1000,retrans=0
PIECE=$((HOSTILE_SECONDS / 2))

echo "# SEED=$SEED, $HOSTILE_SECONDS s each"

# The window of a side that has let go of it.
window_of() { # server|client
	if [ "$1" = server ]; then
		S "grep -l 0x1110 /sys/bus/pci/devices/*/device | cut -d / -f 6 | head -n 1"
	else
		windows
		echo "${WINDOWS[RIG_GUESTS == 1 ? 1 : 0]}"
	fi
}

connections() { S 'cat /sys/fs/qtfs_server/*/transport 2>/dev/null' | wc -l; }

# Runs hostile clients of the server for a while.
attack_server() { # KIND
	local address=$SERVER_IP port=$SERVER_PORT window bridge=
	case $TRANS in
	vsock) address=vsock:$(server_cid) ;;
	pcie)
		address=127.0.0.1 port=$LOCAL_PORT
		window=$(window_of client)
		$FUZZ bridge --device "$window" --client --address $address --port $port --seconds $((PIECE + 2)) --seed "$SEED" \
			>"$SCRATCH/bridge" 2>&1 &
		bridge=$!
		wait_for 10 grep -q bridging "$SCRATCH/bridge"
		;;
	esac
	$FUZZ "$1" --address "$address" --port "$port" --directory $D --seconds $PIECE --seed "$SEED" --wrong 5 \
		>"$SCRATCH/attack" 2>&1
	if [ -n "$bridge" ]; then
		wait $bridge
		echo "# bridge: $? $(tail -n 1 "$SCRATCH/bridge")"
	fi
	# Its own verdict is of what a window's scribbling leaves of answers, so it isn't asked for it.
	check "$1: it has been heard" "grep -E '[1-9][0-9]* (connections|requests)' $SCRATCH/attack"
	echo "# $1: $(grep -vE '^session' "$SCRATCH/attack" | head -n 1)"
}

# A server that is none, on the server's machine.
hostile_server_start() { # KIND
	local address=$SERVER_IP port=$HOSTILE_PORT bridge=
	local seconds=$((PIECE + 30 * RIG_SLOW))
	case $TRANS in
	vsock) address=vsock:4294967295 ;;
	pcie)
		address=127.0.0.1
		bridge="setsid $FUZZ bridge --device $(window_of server) --address $address --port $port --seconds $seconds --seed $SEED \
			</dev/null >/run/bridge 2>&1 &"
		;;
	esac
	S "setsid $FUZZ $1 --address $address --port $port --seconds $seconds --seed $SEED --wrong 8 </dev/null >/run/hostile 2>&1 &
		for i in {1..100}; do grep -q listening /run/hostile && break; sleep 0.1; done; $bridge
		grep listening /run/hostile"
}

hostile_server_stop() { S "pkill -TERM -x modfuzz; sleep 0.5; pkill -KILL -x modfuzz; tail -n 1 /run/hostile; cat /run/bridge 2>/dev/null"; }

# Mounts it, works there and unmounts, again and again.
suffer() { # NAME
	local options mounts=0 refused=0 stuck=0
	case $TRANS in
	tcp) options=trans=tcp,addr=$SERVER_IP,port=$HOSTILE_PORT ;;
	vsock) options=trans=vsock,cid=$(server_cid),port=$HOSTILE_PORT ;;
	pcie) options=trans=pcie ;;
	esac
	SECONDS=0
	while [ $SECONDS -lt $PIECE ]; do
		if ! mount -t qtfs -o "$options,$IMPATIENT" / $M 2>/dev/null; then
			refused=$((refused + 1))
			continue
		fi
		mounts=$((mounts + 1))
		$FUZZ load --directory $M --seconds 3 --seed $((SEED + mounts * 1000)) >>"$SCRATCH/load" 2>&1 || stuck=$((stuck + 1))
		with_timeout 20 umount $M || { umount -f -l $M && stuck=$((stuck + 1)); }
	done
	is "$1: a mount of it can always be ended" "$stuck $(grep '^wrong' "$SCRATCH/load" | head -n 3)" "0 "
	echo "# $1: $mounts mounts, $refused that failed"
}

mkdir -p $M
: >"$SCRATCH/load"
# What a hostile client has open may fill the disk, until its session's lease has run out.
fresh() { S "chattr -R -f -i -a $D; rm -rf $D && mkdir -p $D/d0 && seq 10000 >$D/f0"; }
fresh

# ---- clients that are none ----
whitelist Mount=$D Open=$D Read=$D Readdir=$D Write=$D Mkdir=$D Rmdir=$D Create=$D Unlink=$D Rename=$D Setattr=$D Setxattr=$D
check "the server starts" start_server || exit
S "echo 5 >/sys/module/qtfs_server/parameters/lease"
honest "before"
for kind in noise-client client; do
	if [ "$TRANS" = pcie ]; then
		# The window has one other side, and it is the hostile one.
		rmmod qtfs
		attack_server $kind
		modprobe qtfs
	else
		S "rm -rf $D/honest-load; mkdir $D/honest-load"
		check "$kind: an honest client beside it" mount_qtfs $D/honest-load $M
		check "$kind: works" load_start $M
		attack_server $kind
		load_verify $D/honest-load
		check "$kind: umount" umount_qtfs $M
	fi
	check "$kind: nothing of it is connected" wait_for 60 eval '[ "$(connections)" = 0 ]'
	check "$kind: what it has made goes" wait_for 60 fresh
	honest "after $kind"
done
check "the server stops" stop_server

# ---- servers that are none ----
for kind in noise-server server; do
	check "$kind: is there" hostile_server_start $kind
	suffer $kind
	hostile_server_stop | sed "s/^/# $kind: /"
	check "$kind: the server starts in its place" start_server
	honest "after $kind"
	check "$kind: the server stops" stop_server
done

# ---- somebody else writes into the window of two ----
if [ "$TRANS-$RIG_GUESTS" = pcie-1 ]; then
	check "the server starts again" start_server
	check "a mount" mount_qtfs -o $IMPATIENT $D $M
	windows
	$FUZZ scribble --device "${WINDOWS[2]}" --seconds "$HOSTILE_SECONDS" --seed "$SEED" >"$SCRATCH/scribble" 2>&1 &
	scribbler=$!
	$FUZZ load --directory $M --seconds "$HOSTILE_SECONDS" --seed "$SEED" >"$SCRATCH/load2" 2>&1
	is "who uses a mount by it can be killed" "$? $(grep '^wrong' "$SCRATCH/load2")" "0 "
	wait $scribbler
	is "the window was written to" "$?" 0
	echo "# $(cat "$SCRATCH/scribble"), $(stat_of reconnects) times connected again"
	check "the mount goes on" wait_for 60 ls $M
	check "and ends" with_timeout 30 umount $M
	MOUNTED=()
	check "what came of it goes" wait_for 60 fresh
	honest "after scribbles"
fi
