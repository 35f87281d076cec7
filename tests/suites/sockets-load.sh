#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# timeout: 3600
# long
# Load on unix sockets: 5,000 connections at once, 100,000 one after the other, much data, readers that are stuck. Both directions.
# Ten gigabytes would take an emulated guest an hour: MIB=10240 where there is a real processor.
. "$(dirname "$0")/lib.sh"

M=/mnt/host
D=/srv/load
T=/usr/lib/qtfs/tests
: "${MIB:=512}" "${CYCLES:=100000}" "${MANY:=5000}"

whitelist "Udsconnect=$D"
check "the server starts" start_server || exit
check "mount of /" mount_qtfs / $M || exit
S "rm -rf $D; mkdir -p $D/ours; chmod 777 $D $D/ours"
ulimit -n 65536
check "the proxies find each other" start_proxies "$M$D/ours" || exit
S "ulimit -n 65536; setsid $T/socketload serve $D/load </dev/null >/run/qtfs/served 2>&1 & echo \$! >/run/qtfs/load.pid"
"$T/socketload" serve $M$D/ours/load >"$SCRATCH/served" 2>&1 &
OURS=$!

# As programs of the client, and as those of the server.
load() { # DIRECTION SECONDS WHAT N
	if [ "$1" = up ]; then
		with_timeout "$2" "$T/socketload" "$3" $M$D/load "$4"
	else
		S "ulimit -n 65536; timeout $(($2 * RIG_SLOW)) $T/socketload $3 $D/ours/load $4"
	fi
}
descriptors() {
	ls "/proc/$PROXY/fd" | wc -l
	S "ls /proc/\$(cat /run/qtfs/udsproxyd.pid)/fd | wc -l"
}
memory() {
	echo "$(awk '/VmRSS/ { print $2 }' "/proc/$PROXY/status") and" \
		"$(S "awk '/VmRSS/ { print \$2 }' /proc/\$(cat /run/qtfs/udsproxyd.pid)/status")"
}

for way in up down; do
	check "$way: somebody listens" wait_for 20 load $way 20 rtt 1
	load $way 60 cycles 100 >/dev/null
	before=$(descriptors)
	echo "# $way: $(load $way 60 rtt 2000) for a round trip"
	check "$way: $MANY connections at once" load $way 600 many "$MANY"
	check "$way: no descriptor is left of them" wait_for 30 eval '[ "$(descriptors)" = "$before" ]'
	was=$(memory)
	check "$way: $CYCLES one after the other" load $way 2400 cycles "$CYCLES" && echo "# $way: $(cat "$SCRATCH/said")"
	check "$way: no descriptor is left" wait_for 30 eval '[ "$(descriptors)" = "$before" ]' || echo "# $before, now $(descriptors)"
	echo "# $way: KiB of the proxies before: $was, after: $(memory)"
	check "$way: $MIB MiB through one arrive as they were sent" load $way 1200 send "$MIB" && echo "# $way: $(cat "$SCRATCH/said")"
done

# ---- who is stuck ----
"$T/socketload" stuck $M$D/load 50 >"$SCRATCH/stuck" &
STUCK=$!
check "50 get stuck" wait_for 120 grep -q stuck "$SCRATCH/stuck"
free=$(load up 60 rtt 2000)
echo "# $free for a round trip beside them"
check "and stop nobody else" load up 300 send 64
check "nor who comes" load up 120 cycles 1000
kill $STUCK
wait $STUCK
# What they wrote stays where it is until it is read, or nobody is left who could.
kill $OURS
S "kill \$(cat /run/qtfs/load.pid)"
no_more_than_before() {
	local now was
	read -r -d '' -a now < <(descriptors)
	read -r -d '' -a was <<<"$before"
	[ "${now[0]}" -le "${was[0]}" ] && [ "${now[1]}" -le "${was[1]}" ]
}
check "no descriptor is left of those who were stuck" wait_for 30 no_more_than_before || echo "# $before, now $(descriptors)"
check "nothing is kept" stop_proxies
check "the mount isn't busy" umount_qtfs $M
