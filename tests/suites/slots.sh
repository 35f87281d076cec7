#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# timeout: 180
# expect-log: connection lost|connected again
# How many requests a client may have under way is the server's to say, and changes while it works.
. "$(dirname "$0")/lib.sh"

D=/srv/slots
M=/mnt/slots
SERVER=/sys/fs/qtfs_server
SLOTS=/sys/module/qtfs_server/parameters/max_slots

under_way() { S "wc -l </sys/kernel/debug/qtfs_server/ops"; }
# So many processes make a directory each, every one in another, while the engine stands still.
many() { # FIRST LAST
	local i
	S 'kill -STOP $(pidof qtfs-engine)'
	makers=()
	for ((i = $1; i <= $2; i++)); do
		mkdir "$M/$i/made" 2>>"$SCRATCH/many" &
		makers+=($!)
	done
}
made() { # NAME EXPECTED
	S 'kill -CONT $(pidof qtfs-engine)'
	wait "${makers[@]}"
	is "$1" "$(S "ls -d $D/*/made | wc -l")" "$2"
}
# What is granted to the session, and what the client knows after the next reply.
granted() {
	stat -f $M >/dev/null
	echo "$(S "cat $SERVER/*/slots") $(stat_of slots)"
}

check "the server starts" start_server || exit
S "rm -rf $D && mkdir $D && cd $D && mkdir \$(seq 96)"
check "mount" mount_qtfs $D $M || exit
is "the server grants slots" "$(granted)" "64 64"

S "echo 3 >\$(echo $SERVER/*/slots)"
is "then fewer" "$(granted)" "3 3"
many 1 12
check "no more requests are under way" wait_for 20 eval '[ "$(under_way)" = 3 ] && [ "$(stat_of slot_waits)" -ge 9 ]'
made "all of them are carried out" 12

S "echo 80 >$SLOTS"
is "then more" "$(granted)" "80 80"
many 13 90
check "so many are under way" wait_for 30 eval '[ "$(under_way)" = 78 ]'
cut_off
S "echo 2 >$SLOTS"
made "fewer while they are in use, and a new connection: each is carried out" 90
is "and none complains" "$(cat "$SCRATCH/many")" ""
is "the client has heard" "$(granted)" "2 2"
many 91 96
check "and obeys" wait_for 20 eval '[ "$(under_way)" = 2 ]'
made "these are carried out, too" 96

fails_with "none is no number" EINVAL S "echo 0 >$SLOTS"
fails_with "nor is 1025" EINVAL S "echo 1025 >\$(echo $SERVER/*/slots)"
is "nothing has changed" "$(granted)" "2 2"
check "umount" umount_qtfs $M
