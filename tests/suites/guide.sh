#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# timeout: 300
# guests: 2
# trans: vsock pcie
# operations.md as it is written, on what isn't a network: a host and its guest by vsock, two machines with a window.
. "$(dirname "$0")/lib.sh"

guide_begin operations.md || exit
tidy_guide() {
	local status=$?
	! mountpoint -q /mnt/qtfs || umount /mnt/qtfs
	S "rm -rf /srv/qtfs"
	guide_end
	(exit $status)
	tidy
}
trap tidy_guide EXIT

is "the guide's blocks" "$(cd "$SCRATCH" && echo block*.host block*.guest block*.dpu)" "block07.host block09.host block08.guest block10.dpu"
case $TRANS in
vsock) serving=07 mounting=08 ;;
pcie) serving=09 mounting=10 ;;
esac
check "block $serving, the host" guide_execute "$serving" || exit
check "the engine runs" wait_for 20 S "grep -x running /sys/fs/qtfs_server/engine" || exit
if [ "$TRANS" = vsock ]; then
	is "it listens to one guest" "$(S "cat /sys/module/qtfs_server/parameters/allow")" cid:10
	modprobe vmw_vsock_virtio_transport # as udev does, where the device is
fi
check "block $mounting, the other machine" guide_execute "$mounting" || exit
is "by $TRANS" "$(cut -d' ' -f1 /sys/fs/qtfs/*/transport)" "$TRANS"
check "it writes" "echo there >/mnt/qtfs/word && sync /mnt/qtfs/word"
is "on the host" "$(S "cat /srv/qtfs/word")" there
