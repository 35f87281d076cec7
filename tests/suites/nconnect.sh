#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# timeout: 300
# trans: tcp
# expect-log: connection lost|connected again|has forgotten this client|is open again
# Several connections of one mount: what goes by which, one that breaks, all that break, a server that is started again.
. "$(dirname "$0")/lib.sh"

D=/srv/nconnect
M=/mnt/nconnect

check "the server starts" start_server || exit
S "rm -rf $D && mkdir $D && head -c 16M /dev/urandom >$D/large"
refuses() { # NAME REGEX OPTION
	local said
	dmesg -C
	said=$(mount_qtfs -o "$3" $D $M 2>&1)
	is "$1" $? 32 && check "$1: says why" "{ dmesg; echo '$said'; } | grep -q '$2'"
}
refuses "no connection at all" "nconnect=0: 1 to 8 connections" nconnect=0
refuses "too many" "nconnect=9: 1 to 8 connections" nconnect=9
check "mount" mount_qtfs -o nconnect=3 $D $M || exit
check "there are three connections" wait_for 5 has_connections 3
is "of one session" "$(S 'cat /sys/fs/qtfs_server/*/client' | wc -l)" 1
check "the options say so" "findmnt -n -o OPTIONS $M | grep -q nconnect=3"
mount -o remount,nconnect=2 $M 2>/dev/null
is "a remount doesn't change it" $? 32

# ---- what goes by which ----
# The bytes that each socket of this client has received, fewest first.
received() { ss -tinH state connected "( dport = :$SERVER_PORT )" | grep -o 'bytes_received:[0-9]*' | cut -d: -f2 | sort -n; }
check "data is read" cmp $M/large $D/large
mapfile -t bytes < <(received)
is "all are used" ${#bytes[@]} 3
check "small requests have one for themselves" [ "${bytes[0]}" -lt 200000 ]
check "data goes by all others" [ "${bytes[1]}" -gt 4000000 ]

# ---- one breaks, all break ----
cut_one() { ss -K state connected "( dport = :$SERVER_PORT )" "sport = :$1" >/dev/null 2>&1; }
ports() { ss -tnH state established "( dport = :$SERVER_PORT )" | awk '{ sub(/.*:/, "", $3); print $3 }'; }
check "processes begin to work" load_start $M || exit
for round in 1 2 3 4; do
	for port in $(ports); do
		cut_one "$port"
		load_works 50 || not_ok "they work in round $round"
	done
done
check "they were connected again" wait_for 20 eval '[ "$(stat_of reconnects)" -ge 4 ]'
load_verify $D
check "in the end there are three again" wait_for 10 has_connections 3

# ---- the server is loaded again ----
rm -rf $M/load?
exec {open}<$M/large
head -c 10 <&$open | wc -c >"$SCRATCH/read"
check "processes begin to work again" load_start $M || exit
check "the server stops" 'stop_engine && S "rmmod qtfs_server"'
check "and starts" start_server
check "they work on" load_works 50
load_verify $D
check "three connections" wait_for 10 has_connections 3
is "an open file goes on" "$(head -c 100 <&$open | md5sum)" "$(S "tail -c +11 $D/large | head -c 100" | md5sum)"
exec {open}<&-
check "umount" umount_qtfs $M
