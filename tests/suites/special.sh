#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# timeout: 150
# /proc, /sys and cgroups of the server through the mount: read to the end, each write(2) one write(2), nothing cached.
. "$(dirname "$0")/lib.sh"

M=/mnt/host
WHITELIST_SECTIONS+=" Ioctl"
check "the server starts" start_server || exit
check "mount of /" mount_qtfs / $M || exit

client_stat() { awk -v name="$1" '$1 == name { print $2 }' /sys/fs/qtfs/*/stats; }

# ---- reading: size 0 and content, compared with what the server says itself ----
for file in /proc/version /proc/cpuinfo /proc/filesystems /proc/cmdline /proc/devices /proc/sys/kernel/ostype \
	/proc/sys/kernel/pid_max /proc/1/comm /proc/1/cmdline /proc/1/maps /proc/iomem \
	/proc/1/mountinfo /proc/crypto /sys/kernel/mm/transparent_hugepage/enabled /sys/block/vda/size \
	/sys/devices/system/cpu/online /sys/class/net/lo/mtu /sys/kernel/notes /sys/fs/cgroup/cgroup.controllers \
	/sys/fs/cgroup/cgroup.max.depth; do
	is "$file is the server's" "$(md5sum <$M$file)" "$(S "md5sum <$file")"
done
is "/proc/version has size 0" "$(stat -c %s $M/proc/version)" 0
is "a file larger than a page, read by single bytes" "$(dd if=$M/proc/iomem bs=1 count=5000 2>/dev/null | md5sum)" \
	"$(S 'dd if=/proc/iomem bs=1 count=5000 2>/dev/null | md5sum')"
is "and by pieces of 4096" "$(dd if=$M/proc/crypto bs=4096 2>/dev/null | md5sum)" "$(S 'md5sum </proc/crypto')"
is "and from a position" "$(tail -c +101 $M/proc/cpuinfo | head -c 50 | md5sum)" \
	"$(S 'tail -c +101 /proc/cpuinfo | head -c 50 | md5sum')"
is "megabytes of binary" "$(md5sum <$M/sys/kernel/btf/vmlinux)" "$(S 'md5sum </sys/kernel/btf/vmlinux')"
is "meminfo is read to the end" "$(tail -n 1 $M/proc/meminfo | cut -d: -f1)" "$(S 'tail -n 1 /proc/meminfo | cut -d: -f1')"
is "/proc/1 has what it has there" "$(ls $M/proc/1 | md5sum)" "$(S 'ls /proc/1 | md5sum')"
is "/proc/sys is listed" "$(find $M/proc/sys/kernel -maxdepth 1 -printf '%f %y%m\n' | sort | md5sum)" \
	"$(S "find /proc/sys/kernel -maxdepth 1 -printf '%f %y%m\n' | sort | md5sum")"
is "links in /proc are read" "$(readlink $M/proc/1/exe)" "$(S 'readlink /proc/1/exe')"
is "links in /sys are read" "$(readlink $M/sys/class/net/lo)" "$(S 'readlink /sys/class/net/lo')"
check "files of /proc can be copied" "cp $M/proc/cpuinfo '$SCRATCH/cpuinfo' && [ -s '$SCRATCH/cpuinfo' ]"
fails_with "what is not readable is not" EACCES setpriv --reuid 1000 --clear-groups cat $M/proc/1/environ
fails_with "a process that does not exist" ENOENT cat $M/proc/4194304/stat
fails_with "nothing is made in /proc" ENOENT touch $M/proc/new
fails_with "nothing is made in /proc: directories" ENOENT mkdir $M/proc/new
fails_with "nothing is removed" EPERM unlink $M/proc/version

# ---- nothing is cached ----
exec {up}<$M/proc/uptime
read -r first _ <&$up
check "/proc/uptime goes on" wait_for 5 eval "[ \"\$(cut -d' ' -f1 $M/proc/uptime)\" != $first ]"
exec {up}<&-
exec {load}<$M/proc/sys/kernel/random/uuid
is "each read of the uuid is another one, of one open file too" \
	"$(python3 -c 'import os,sys
print(len({os.pread(int(sys.argv[1]), 100, 0) for i in range(5)}))' $load)" 5
exec {load}<&-
before=$(client_stat READ)
for _ in 1 2 3 4 5; do cat $M/proc/sys/kernel/hostname >/dev/null; done
check "each read asks the server" [ $(($(client_stat READ) - before)) -ge 5 ]
S "sysctl -q -w kernel.domainname=suite1"
is "sysctl before" "$(cat $M/proc/sys/kernel/domainname)" suite1
S "sysctl -q -w kernel.domainname=suite2"
is "sysctl after, at once" "$(cat $M/proc/sys/kernel/domainname)" suite2
check "sysctl set from here" "echo suite3 >$M/proc/sys/kernel/domainname"
is "is set there" "$(S 'cat /proc/sys/kernel/domainname')" suite3
old=$(S "cat /proc/sys/vm/swappiness")
fails_with "a bad value is refused" EINVAL "echo nonsense >$M/proc/sys/vm/swappiness"
is "and changes nothing" "$(S 'cat /proc/sys/vm/swappiness')" "$old"

# ---- cgroups: rmdir and mkdir, values, each write one write ----
C=$M/sys/fs/cgroup
check "mkdir of a cgroup" mkdir $C/suite
is "it is there" "$(S 'cat /sys/fs/cgroup/suite/cgroup.type')" domain
check "it has its files" "[ -e $C/suite/cgroup.procs ] && [ -e $C/suite/cgroup.events ]"
is "as many as there" "$(ls $C/suite | wc -l)" "$(S 'ls /sys/fs/cgroup/suite | wc -l')"
fails_with "mkdir again" EEXIST mkdir $C/suite
fails_with "a controller that does not exist" EINVAL "echo +nonsense >$C/cgroup.subtree_control"
is "and one more process than there is" "$(python3 -c 'import os,sys,errno
f = os.open(sys.argv[1], os.O_WRONLY)
try: print(os.write(f, b"4194304"))
except OSError as e: print(errno.errorcode[e.errno])' $C/suite/cgroup.procs)" ESRCH
controllers=$(cat $C/cgroup.controllers)
case " $controllers " in
*" pids "*)
	check "a controller is switched on" "echo +pids >$C/cgroup.subtree_control"
	check "pids.max is set" "echo 77 >$C/suite/pids.max"
	is "there" "$(S 'cat /sys/fs/cgroup/suite/pids.max')" 77
	fails_with "a bad limit" EINVAL "echo many >$C/suite/pids.max"
	is "it stays" "$(cat $C/suite/pids.max)" 77
	;;
*) not_ok "the guest's cgroups have pids" "$controllers" ;;
esac
cat >"$SCRATCH/procs.py" <<-'PY'
	# One write(2) for each number; then two numbers in one, which the kernel does not take for one.
	import os, sys, errno
	f = os.open(sys.argv[1], os.O_WRONLY)
	for pid in sys.argv[2:]:
	    os.write(f, pid.encode() + b"\n")
	try:
	    os.write(f, b"1\n2\n")
	    print("two taken")
	except OSError as e:
	    print(errno.errorcode[e.errno])
PY
S "for i in 1 2 3; do setsid sleep 1000 & done >/dev/null 2>&1 </dev/null"
pids=$(S "pgrep -x sleep | sort -n | tail -n 3 | tr '\n' ' '")
# shellcheck disable=SC2086
is "three processes move by three writes; one write of two numbers is one" \
	"$(python3 "$SCRATCH/procs.py" $C/suite/cgroup.procs $pids)" EINVAL
is "they are there" "$(S 'sort -n /sys/fs/cgroup/suite/cgroup.procs | tr "\n" " "')" "$pids"
is "and seen from here" "$(sort -n $C/suite/cgroup.procs | tr '\n' ' ')" "$pids"
is "populated, not cached" "$(grep populated $C/suite/cgroup.events)" "populated 1"
fails_with "rmdir of a cgroup in use" EBUSY rmdir $C/suite
S "kill $pids"
check "unpopulated is seen" wait_for 5 grep -q 'populated 0' $C/suite/cgroup.events
before=$(client_stat WRITE)
python3 -c 'import os,sys
f = os.open(sys.argv[1], os.O_WRONLY)
for i in range(4): os.write(f, b"max\n")' $C/suite/pids.max
is "four writes are four requests" $(($(client_stat WRITE) - before)) 4
check "rmdir of a cgroup" rmdir $C/suite
fails_with "it is gone" ENOENT stat $C/suite
S "[ ! -e /sys/fs/cgroup/suite ]"
is "there too" $? 0
S "mkdir /sys/fs/cgroup/suite2"
check "one made there is seen here" wait_for 3 test -d $C/suite2/
S "rmdir /sys/fs/cgroup/suite2"
check "one removed there is gone here" wait_for 3 eval "! test -e $C/suite2"
# Whatever was written by this suite is undone.
S "echo -pids >/sys/fs/cgroup/cgroup.subtree_control; sysctl -q -w 'kernel.domainname=(none)'"

# ---- sysfs ----
F=/sys/block/vda/queue/read_ahead_kb
old=$(S "cat $F")
check "an attribute is written" "echo 64 >$M$F"
is "there" "$(S "cat $F")" 64
is "and read back" "$(cat $M$F)" 64
fails_with "a bad value" EINVAL "echo nonsense >$M$F"
S "echo $old >$F"
is "another change is seen at once" "$(cat $M$F)" "$old"
# The engine passes on the capabilities that files need, none for networks.
fails_with "what needs more than a file system's rights is refused" EPERM "echo 60000 >$M/sys/class/net/lo/mtu"
is "device numbers tell file systems apart" "$(stat -c %d $M/proc $M/sys $M/srv $M/sys/fs/cgroup | sort -u | wc -l)" 4

# ---- terminals: the other side of one that a program of the server has ----
S "setsid script -qfc 'echo \$\$ >/run/terminal.pid; tty >/run/terminal; stty raw -echo; while read -r line; do echo \"heard \$line\"; done' /run/typescript </dev/null >/dev/null 2>&1 & true"
wait_for 10 S "[ -s /run/terminal ]"
T=$M$(S "cat /run/terminal")
is "a terminal" "$(stat -c %F "$T")" "character special file"
check "its modes are set" stty -F "$T" -echo rows 17 cols 71
is "there" "$(S "stty -F ${T#"$M"} size")" "17 71"
is "and read" "$(stty -F "$T" size) $(stty -F "$T" -a | grep -ow -- -echo)" "17 71 -echo"
check "what is written to it is the program's output" "echo from here >$T && wait_for 5 S 'grep -q \"from here\" /run/typescript'"
check "test -t" "test -t 0 <$T"
fails_with "another device" ENXIO "cat $M/dev/null"
whitelist Ioctl= && reload_engine
fails_with "modes that the server doesn't allow" EACCES stty -F "$T" size
whitelist && reload_engine
S "kill \$(cat /run/terminal.pid); rm -f /run/terminal* /run/typescript"
check "the end of its program" wait_for 10 eval "! stty -F $T"

# ---- links that lead to this machine ----
mkdir -p /run/own && mount --bind /proc /run/own
S "mkdir -p /srv/special && ln -sfn there /srv/special/link && echo there >/srv/special/there && echo file >/srv/special/file"
echo here >/run/here
LINKS=link=proc/self:/run/own/self,link=proc/thread-self:/run/own/thread-self,link=srv/special/link:/run/here,link=srv/special/file:/run/here
check "mount with links" mount_qtfs -o $LINKS / ${M}2 || exit
is "self is who asks" "$(head -n 1 ${M}2/proc/self/comm; cat ${M}2/proc/thread-self/comm)" "head"$'\n'"cat"
is "so is what leads there" "$(grep -c " ${M}2 qtfs " ${M}2/proc/mounts)" 1
is "others are the server's" "$(cat ${M}2/proc/1/comm; readlink ${M}2/proc/1/exe)" "$(S "cat /proc/1/comm; readlink /proc/1/exe")"
is "it's a link as before" "$(stat -c %F ${M}2/proc/self; readlink ${M}2/proc/self)" "symbolic link"$'\n'"/run/own/self"
is "another one, on a disk, again and again" "$(for i in 1 2 3; do cat ${M}2/srv/special/link; done | sort -u)" here
is "not on another mount" "$(cat $M/srv/special/link)" there
is "nor by another name" "$(S "ln -sfn there /srv/special/other"; cat ${M}2/srv/special/other)" there
is "what is no link stays what it is" "$(cat ${M}2/srv/special/file)" file
check "the options are shown" "grep \" ${M}2 qtfs \" /proc/self/mounts | grep -q ',link=proc/self:/run/own/self,link=proc/thread-self:'"
check "and stay by a remount" "mount -o remount,cache=strict ${M}2 && readlink ${M}2/proc/self | grep -qx /run/own/self"
check "a remount can't change them" "! mount -o remount,link=proc/self:/run/here ${M}2 && dmesg | tail -n 5 | grep -q \"link can't be changed\""
check "umount" umount_qtfs ${M}2
umount /run/own
S "rm -r /srv/special"
