#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# timeout: 240
# expect-log: loop[0-9]+: |EXT4-fs|overlayfs|the engine has gone
# Mounts of the server, asked for here: seen at once on both machines, with the errors of mount(2) and umount(2), by who may.
. "$(dirname "$0")/lib.sh"

M=/mnt/host
W=/srv/mounts
D=$M$W
WHITELIST_SECTIONS+=" Remotemount"

there() { S "findmnt -no $1 $W/$2"; }
remote() { # TYPE DIR [OPTIONS] [SOURCE]
	mount -t "qtfs.$1" ${3:+-o "$3"} "${4:-none}" "$D/$2"
}
gone() { [ "$(there FSTYPE "$1")" = "" ]; }

S "mkdir -p $W/{tmp,kept,disk,bind,rbind,moved,overlay,cgroup,own,again,low,up,work,elsewhere} && echo low >$W/low/file && echo both >$W/low/both
	truncate -s 16M $W/image && mkfs.ext4 -q $W/image && modprobe loop && modprobe overlay"
DISK=$(S "losetup -f --show $W/image")
EMPTY=$(S "truncate -s 1M $W/empty && losetup -f --show $W/empty")
check "the server starts" start_server || exit
check "mount of /" mount_qtfs / $M || exit

# What is merely looked at doesn't stay busy on the server: the end of this suite comes back to it.
S "mount -t tmpfs looked-at $W/own && mkdir -p $W/own/dir/dir && echo text >$W/own/dir/dir/file"
check "what the server mounts itself is seen within a second" wait_for 1 test -e $D/own/dir/dir/file
check "it is looked at" "find $D/own -ls && cat $D/own/dir/dir/file"
S "mount -t tmpfs kept $W/kept"
wait_for 1 eval "[ \$(stat -f -c %T $D/kept) = tmpfs ]"
exec 6>$D/kept/open 7>$D/kept/renamed
S "rm $W/kept/open && mv $W/kept/renamed $W/kept/other"
LOOKED=$SECONDS

# ---- tmpfs: options, flags, its own device, statfs ----
touch $D/tmp/under
check "tmpfs" remote tmpfs tmp size=2M,mode=0700,nosuid,noatime
is "the server has it" "$(there FSTYPE,PROPAGATION tmp | tr -s ' ' | cut -d' ' -f1)" tmpfs
is "with its flags and options" "$(there OPTIONS tmp | tr , '\n' | grep -cx 'nosuid\|noatime\|size=2048k\|mode=700')" 4
is "here it is seen at once" "$(stat -f -c %T $D/tmp) $(stat -c %a $D/tmp)" "tmpfs 700"
check "what it covers is not" "! test -e $D/tmp/under"
check "it has a device of its own" "[ $(stat -c %d $D/tmp) != $(stat -c %d $D) ]"
check "it is written to" "echo new >$D/tmp/file"
is "which the server has" "$(S "cat $W/tmp/file")" new
is "find -xdev stops there" "$(find $D -xdev -name file | sort | tr '\n' ' ')" "$D/low/file "
fails_with "it is as large as was said" ENOSPC "dd if=/dev/zero of=$D/tmp/large bs=1M count=3"
check "remount" remote tmpfs tmp remount,size=8M,ro
is "is done" "$(there OPTIONS tmp | tr , '\n' | grep -cx 'ro\|size=8192k')" 2
fails_with "and holds" EROFS "echo >$D/tmp/file"
check "back" remote tmpfs tmp remount,rw
fails_with "an option that there isn't" EINVAL remote tmpfs again nonsense=1
fails_with "a type that there isn't" ENODEV remote nonsense again
fails_with "a directory that there isn't" ENOENT "mount.qtfs none $D/absent -t qtfs.tmpfs"
fails_with "the root of the mount" EINVAL "mount.qtfs none $M -t qtfs.tmpfs"
fails_with "a local directory" EINVAL "mount.qtfs none /tmp -t qtfs.tmpfs"

# ---- busy, lazy ----
exec 5>$D/tmp/open
fails_with "umount with an open file" EBUSY "umount.qtfs $D/tmp"
is "changes nothing" "$(there FSTYPE tmp)" tmpfs
echo more >&5
exec 5>&-
check "ls" ls -lR $D/tmp
check "umount of what was looked at" umount.qtfs $D/tmp
check "it is gone there" gone tmp
check "and here: what it had covered is back" test -e $D/tmp/under
fails_with "umount of nothing" EINVAL "umount.qtfs $D/tmp"
check "tmpfs again" remote tmpfs tmp
exec 5<>$D/tmp/open
check "lazy umount" umount.qtfs -l $D/tmp
check "is gone" gone tmp
# stat(2) of it may be refused: no path leads there any more that the policy could allow.
check "the open file can still be written to" "echo still >&5 && python3 -c 'import os; os.fsync(5)'"
exec 5>&-
check "two on top of each other" "remote tmpfs tmp mode=0711 && remote tmpfs tmp mode=0722"
is "the upper one is seen" "$(stat -c %a $D/tmp)" 722
check "it goes" umount.qtfs $D/tmp
is "the lower one is seen" "$(stat -c %a $D/tmp)" 711
check "it goes, too" umount.qtfs $D/tmp

# ---- a disk ----
check "ext4" remote ext4 disk nodev,errors=remount-ro "$DISK"
is "the server has it by its name" "$(there SOURCE,FSTYPE disk | tr -s ' ')" "$DISK ext4"
check "it is used" "cp -r /etc/default $D/disk/ && sync $D/disk/default/* && diff -r /etc/default $D/disk/default"
is "nodev" "$(there OPTIONS disk | tr , '\n' | grep -cx 'nodev\|errors=remount-ro')" 2
check "umount" umount.qtfs $D/disk
check "by the name that it has here" remote ext4 disk ro "$M$DISK"
is "it is the same" "$(there SOURCE disk) $(ls $D/disk/default | wc -l)" "$DISK $(ls /etc/default | wc -l)"
check "umount again" umount.qtfs $D/disk
fails_with "what is no device" "ENOTBLK" "remote ext4 disk '' $D/low/file"
fails_with "a device that there isn't" ENOENT "remote ext4 disk '' /dev/absent"
fails_with "an option that leads to another device" EACCES "remote ext4 disk journal_path=/dev/vda $DISK"
fails_with "a disk without a file system" EINVAL "remote ext4 disk '' $EMPTY"

# ---- bind, move, propagation ----
check "bind" remote bind bind "" $D/low
is "is the same directory" "$(cat $D/bind/file)" low
check "read only" remote bind bind remount,ro
fails_with "it is" EROFS "echo >$D/bind/file"
check "the other is not" "echo low >$D/low/file"
check "a file is bound to a file" "touch $D/one && remote bind one '' $D/low/both"
is "it is the other one" "$(cat $D/one)" both
check "move" remote move moved "" $D/bind
is "it is there and not here" "$(cat $D/moved/file) $(ls $D/bind | wc -l)" "low 0"
check "private" remote private moved
is "it is" "$(there PROPAGATION moved)" private
check "shared" remote shared moved
is "it is, again" "$(there PROPAGATION moved)" shared
check "a tmpfs below" "mkdir -p $D/low/sub && remote tmpfs low/sub && echo deep >$D/low/sub/deep"
check "rbind" remote rbind rbind "" $D/low
is "has it" "$(cat $D/rbind/sub/deep)" deep
fails_with "a mount with another one below it" EBUSY "umount.qtfs $D/rbind"
check "all of it, lazily" umount.qtfs -l $D/rbind
check "the rest" "umount.qtfs $D/low/sub && umount.qtfs $D/moved && umount.qtfs $D/one"
fails_with "from another file system" EXDEV "mount.qtfs /tmp $D/bind -t qtfs.bind"

# ---- overlay, cgroup2 ----
check "overlay" remote overlay overlay "lowerdir=$D/low,upperdir=$D/up,workdir=$D/work"
is "shows the lower one" "$(cat $D/overlay/both)" both
check "a file of it is changed" "echo changed >$D/overlay/both"
is "in the upper one" "$(S "cat $W/up/both $W/low/both" | tr '\n' ' ')" "changed both "
check "umount of it" umount.qtfs $D/overlay
check "cgroup2" remote cgroup2 cgroup
is "is the server's" "$(md5sum <$D/cgroup/cgroup.controllers)" "$(S "md5sum </sys/fs/cgroup/cgroup.controllers")"
check "umount of that" umount.qtfs $D/cgroup

# ---- who may ----
without() { setpriv --bounding-set=-sys_admin --inh-caps=-sys_admin "$@"; }
fails_with "mount without CAP_SYS_ADMIN" EPERM without mount.qtfs none $D/tmp -t qtfs.tmpfs
remote tmpfs tmp
fails_with "umount without it" EPERM without umount.qtfs $D/tmp
fails_with "another user" EPERM setpriv --reuid 1000 --clear-groups umount.qtfs $D/tmp
umount.qtfs $D/tmp
whitelist Remotemount=$W
check "the server allows less" reload_engine
check "what is allowed" "remote tmpfs tmp && umount.qtfs $D/tmp"
fails_with "another directory" EACCES "mount.qtfs none $M/mnt -t qtfs.tmpfs"
fails_with "bind from another one" EACCES "remote bind bind '' $M/etc"
fails_with "a device that isn't listed" EACCES "remote ext4 disk '' $DISK"
fails_with "/proc by another name" EACCES "remote proc tmp"
fails_with "an overlay of what isn't listed" EACCES "remote overlay overlay lowerdir=$M/etc:$D/low"
fails_with "nor by a symbolic link" EACCES "ln -sfn /etc $D/link && remote overlay overlay lowerdir=$W/link:$W/low"
whitelist "Remotemount=$W;$DISK"
check "the device is listed" "reload_engine && remote ext4 disk '' $DISK && umount.qtfs $D/disk"

# ---- exactly once ----
for phase in begun executed; do
	S "echo 'MOUNT $phase 1' >/run/qtfs/crash; kill \$(pidof qtfs-engine)
		while pidof qtfs-engine; do sleep 0.02; done >/dev/null
		QTFS_CRASH=/run/qtfs/crash setsid qtfs-engine --threads 4 --whitelist $WHITELIST </dev/null >>/run/qtfs/engine.log 2>&1 &
		until [ \"\$(cat /sys/fs/qtfs_server/engine)\" = running ] || ((SECONDS > 20 * $RIG_SLOW)); do sleep 0.02; done"
	remote tmpfs tmp &
	asked=$!
	check "the engine dies, $phase" wait_for 10 S "pidof qtfs-engine >/dev/null || exit 0; exit 1"
	check "another one starts" start_engine
	check "the mount succeeds" wait $asked
	is "once" "$(S "grep -c ' $W/tmp ' /proc/self/mountinfo")" 1
	umount.qtfs $D/tmp
done

# ---- the server's own ----
check "what was looked at $((SECONDS - LOOKED)) s ago may be unmounted there" wait_for 25 S "umount $W/own"
check "it is gone here within a second" wait_for 1 eval "! test -e $D/own/dir"
is "what is open stays, by whatever name" "$(stat -L -c %h /proc/self/fd/6 /proc/self/fd/7 | tr '\n' ' ')" "0 1 "
check "and keeps its file system busy" "! S 'umount $W/kept'"
exec 6>&- 7>&-
check "until it is closed" wait_for 20 S "umount $W/kept"
S "losetup -d $DISK $EMPTY; rm -rf $W"
