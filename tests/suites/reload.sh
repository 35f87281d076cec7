#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# timeout: 300
# expect-log: connection lost|connected again|no answer for|has been waiting
# The client's module is unloaded under load and loaded again, and a window is taken from either side's module and given
# back. restart.sh does that to the server's module.
. "$(dirname "$0")/lib.sh"

D=/srv/reload
M=/mnt/reload


# ---- the client's module ----
check "the server starts" start_server || exit
for round in 1 2 3 4; do
	S "rm -rf $D; mkdir $D"
	check "$round: mount" mount_qtfs $D $M || exit
	check "$round: processes begin to work" load_start $M
	load_works 50 || not_ok "$round: they work"
	is "$round: there is a session" "$(sessions)" 1
	kill -KILL "${RACERS[@]}"
	wait "${RACERS[@]}" 2>/dev/null
	RACERS=()
	check "$round: umount while the server still answers" umount_qtfs $M
	check "$round: the client's module goes" rmmod qtfs
	check "$round: the server forgets it" wait_for 20 eval '[ "$(sessions)" = 0 ]'
done

# ---- a window is taken away, and given back ----
if [ "$TRANS" = pcie ]; then
	S "rm -rf $D; mkdir $D"
	check "mount" mount_qtfs $D $M || exit
	ours=$(basename /sys/bus/pci/drivers/qtfs/0000:*)
	theirs=$(S 'basename /sys/bus/pci/drivers/qtfs_server/0000:*')
	check "processes begin to work" load_start $M
	for round in 1 2 3; do
		load_works 50 || not_ok "they work before round $round"
		check "$round: the client's window goes" "echo $ours >/sys/bus/pci/drivers/qtfs/unbind"
		check "$round: and comes" "echo $ours >/sys/bus/pci/drivers/qtfs/bind"
		load_works 50 || not_ok "they work on in round $round"
		check "$round: the server's window goes" S "echo $theirs >/sys/bus/pci/drivers/qtfs_server/unbind"
		check "$round: and comes" S "echo $theirs >/sys/bus/pci/drivers/qtfs_server/bind"
	done
	check "they work on" load_works 50
	is "it is one session" "$(sessions)" 1
	load_verify $D
	check "umount" umount_qtfs $M
fi
