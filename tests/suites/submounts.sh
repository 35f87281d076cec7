#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# timeout: 240
# expect-log: loop[0-9]+: |EXT4-fs|overlayfs|the server has forgotten this client|is open again
# The option submounts: the server's mounts are mounts here, with a line in mountinfo.
. "$(dirname "$0")/lib.sh"

M=/mnt/host
W=/srv/submounts
D=$M$W
WHITELIST_SECTIONS+=" Remotemount"

line() { awk -v point="$D/$1" '$5 == point { print }' /proc/self/mountinfo; }
type_of() { line "$1" | sed 's/.* - //' | cut -d' ' -f1; }
is_mounted() { [ "$(line "$1")" != "" ]; }
is_not_mounted() { [ "$(line "$1")" = "" ]; }
remote() { mount -t "qtfs.$1" ${3:+-o "$3"} none "$D/$2"; }

S "mkdir -p $W/{disk,own,tmp,bind,low} && truncate -s 16M $W/image && mkfs.ext4 -q $W/image && modprobe loop
	echo low >$W/low/file"
DISK=$(S "losetup -f --show $W/image")
check "the server starts" start_server || exit
check "mount of /" mount_qtfs -o submounts / $M || exit
is "the option is shown" "$(findmnt -no OPTIONS $M | tr , '\n' | grep -x submounts)" submounts
check "no remount changes it" "! mount -i -o remount,nosubmounts $M 2>/dev/null"

# ---- what the server mounts itself ----
S "mount $DISK $W/disk && mkdir $W/disk/dir && echo text >$W/disk/dir/file"
check "what the server mounts is walked into" wait_for 1 test -e $D/disk/dir/file
check "it is in the list" is_mounted disk
is "as the host's" "$(type_of disk)" qtfs.host
is "with its path there and the root of a file system" "$(line disk | awk '{ print $4 }') $(line disk | sed 's/.* - [^ ]* //' | cut -d' ' -f1)" "/ $W/disk"
is "its device is stat's" "$(line disk | awk '{ print $3 }')" "$(stat -c %Hd:%Ld $D/disk)"
check "which is another than around it" "[ $(stat -c %d $D/disk) != $(stat -c %d $D) ]"
is "files in it have it" "$(stat -c %d $D/disk/dir/file)" "$(stat -c %d $D/disk)"
is "statfs" "$(stat -f -c %T-%b $D/disk)" "$(S "stat -f -c %T-%b $W/disk")"
is "find -xdev stops there" "$(find $D -xdev -name file)" "$D/low/file"
is "find finds it" "$(find $D/disk -name file)" "$D/disk/dir/file"
check "mountpoint(1) says so" mountpoint -q $D/disk
is "findmnt says where a file is" "$(findmnt -no TARGET -T $D/disk/dir/file)" $D/disk
is "df as well" "$(df --output=target $D/disk/dir | tail -n 1)" $D/disk
fails_with "a rename out of it" EXDEV "python3 -c 'import os; os.rename(\"$D/disk/dir/file\", \"$D/file\")'"
fails_with "a link" EXDEV "python3 -c 'import os; os.link(\"$D/disk/dir/file\", \"$D/file\")'"
fails_with "rmdir of it" EBUSY "rmdir $D/disk"
is "getcwd" "$(cd $D/disk/dir && /bin/pwd)" $D/disk/dir
is "and .." "$(cd $D/disk && stat -c %i ..)" "$(S "stat -c %i $W")"
check "it is written to" "echo more >>$D/disk/dir/file && mkdir $D/disk/new && mv $D/disk/dir/file $D/disk/new/"
is "which the server has" "$(S "cat $W/disk/new/file | tr '\n' ' '")" "text more "
S "echo changed >$W/disk/new/file"
check "what the server changes is seen" wait_for 1 eval "[ \$(cat $D/disk/new/file) = changed ]"
check "sync" sync -f $D/disk/new/file

# stat(2) of the name mounts nothing.
S "mount -t tmpfs -o mode=711 quiet $W/own"
check "stat says what is there" wait_for 1 eval "[ \$(stat -c %a $D/own) = 711 ]"
check "and mounts nothing" is_not_mounted own
is "but has its device" "$(stat -c %d $D/own)" "$(ls $D/own && stat -c %d $D/own)"
check "which ls does" is_mounted own

# ---- what goes there goes here ----
check "the server unmounts it, though it was looked at" wait_for 25 S "umount $W/own"
check "its line goes within a second" wait_for 1 is_not_mounted own
is "what was covered is seen" "$(stat -c %a $D/own)" 755
check "and may be removed" rmdir $D/own
exec 5<$D/disk/new/file
check "what is open keeps it busy" "! S 'umount $W/disk'"
check "it is still here" is_mounted disk
S "umount -l $W/disk"
check "lazily, it goes here, too" wait_for 1 is_not_mounted disk
is "what is open is read" "$(cat <&5)" changed
exec 5<&-

# ---- what is mounted from here ----
check "mount from here" remote tmpfs tmp size=2M
is "is in the list at once" "$(type_of tmp)" qtfs.host
check "another one inside" "mkdir $D/tmp/inner && remote tmpfs tmp/inner && echo inner >$D/tmp/inner/file"
check "has a line as well" is_mounted tmp/inner
is "the server has both" "$(S "findmnt -rno TARGET -t tmpfs | grep -c '^$W/tmp'")" 2
check "one upon the other" "remote tmpfs tmp && ! test -e $D/tmp/inner && is_not_mounted tmp/inner"
check "umount.qtfs unmounts it there" umount.qtfs $D/tmp
is "and shows what was below" "$(cat $D/tmp/inner/file)" inner
fails_with "what has another one inside is busy" EBUSY "umount.qtfs $D/tmp"
check "lazily" umount.qtfs -l $D/tmp
is "both have gone there" "$(S "findmnt -rno TARGET -t tmpfs | grep -c '^$W/tmp'")" 0
check "and here" "is_not_mounted tmp && is_not_mounted tmp/inner && rmdir $D/tmp"

# ---- umount(8) of the host's own is of this machine's view ----
S "mount $DISK $W/disk"
check "the host mounts its disk" wait_for 1 test -e $D/disk/new/file
check "umount(8) takes it off this list" "umount $D/disk && is_not_mounted disk"
check "not off the host's" S "mountpoint -q $W/disk"
is "and it is walked into again" "$(cat $D/disk/new/file)" changed
check "umount.qtfs takes it off the host's" umount.qtfs $D/disk
check "so" "is_not_mounted disk && ! S 'mountpoint -q $W/disk'"

# ---- one directory in two places ----
S "mount --bind $W/low $W/bind && mount -o remount,bind,ro $W/bind"
check "a bind mount has a line" "wait_for 1 test -e $D/bind/file && is_mounted bind"
is "and the device of what is bound" "$(stat -c %d $D/bind)" "$(stat -c %d $D/low)"
fails_with "read-only here, too" EROFS "echo >$D/bind/file"
check "the other is not" "echo written >$D/low/file"
check "which is seen through both" wait_for 1 eval "[ \$(cat $D/bind/file) = written ]"
ls $D/bind >/dev/null
check "a new name is, too" "touch $D/low/name && wait_for 1 test -e $D/bind/name"
check "and one that goes" "rm $D/low/name && wait_for 1 eval '! test -e $D/bind/name'"
check "a mode, too" "chmod 600 $D/low/file && wait_for 1 eval '[ \$(stat -c %a $D/bind/file) = 600 ]'"
check "it goes" "umount.qtfs $D/bind && is_not_mounted bind"

# ---- namespaces, copies ----
S "mount $DISK $W/disk"
wait_for 1 test -e $D/disk/new/file
is "another namespace has its own" "$(unshare -m sh -c "umount -i $D/disk; cat $D/disk/new/file; grep -c ' $D/disk ' /proc/self/mountinfo" | tr '\n' ' ')" "changed 1 "
mkdir -p /tmp/copy
check "a bind of it here" mount --bind $D/disk /tmp/copy
fails_with "isn't the host's to unmount" EINVAL "umount.qtfs /tmp/copy"
S "umount -l $W/disk"
check "the host's goes" wait_for 1 is_not_mounted disk
check "the bind stays till it is unmounted" umount -i /tmp/copy

# ---- the server forgets us ----
S "mount $DISK $W/disk"
wait_for 1 test -e $D/disk/new/file
exec 5<$D/disk/new/file
cd $D/disk/new || exit
check "the server is started again" "stop_server && start_server"
check "after a restart of it the working directory is there" wait_for 20 cat file
is "the open file as well" "$(cat <&5)" changed
cd / && exec 5<&-
check "it is mounted" is_mounted disk

# ---- the end ----
check "umount of it all takes those inside along" umount_qtfs $M
check "no line is left" "! grep -q ' $M' /proc/self/mountinfo"
check "the module can go" eval "wait_for 5 rmmod qtfs"
S "umount $W/disk; losetup -d $DISK; rm -rf $W"
