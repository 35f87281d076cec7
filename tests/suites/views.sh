#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# timeout: 240
# guests: 2
# What looks at a machine, looks at the host through a mount of its /, and says what it says there: disks, mounts, file
# systems, processes, cgroups. The programs are the host's own, in its own tree.
. "$(dirname "$0")/lib.sh"

M=/mnt/host
W=/srv/views
CGROUP=/sys/fs/cgroup/views
V() { LC_ALL=C chroot $M "$@"; }

# What changes by itself has until it is once the same on both sides.
both() { # LINE
	client=$(V bash -c "$1" 2>/dev/null </dev/null)
	server=$(S "LC_ALL=C; export LC_ALL; $1")
	[ -n "$server" ] && [ "$client" = "$server" ]
}
same() { # NAME LINE
	if wait_for 10 both "$2"; then
		ok "$1"
	else
		not_ok "$1" "$(V bash -c "$2" 2>&1 >/dev/null </dev/null)$(diff <(echo "$server") <(echo "$client") | head -n 8)"
	fi
}

# Lines about processes, which come and go: what the host says before and after is said in between.
lists() { # LINE
	local before after
	before=$(S "LC_ALL=C; export LC_ALL; $1" | sort)
	client=$(V bash -c "$1" 2>/dev/null </dev/null | sort)
	after=$(S "LC_ALL=C; export LC_ALL; $1" | sort)
	server=$(comm -12 <(echo "$before") <(echo "$after"))
	[ -n "$server" ] && [ -z "$(comm -13 <(echo "$client") <(echo "$server"))" ]
}
same_lines() { # NAME LINE
	if wait_for 20 lists "$2"; then
		ok "$1: $(wc -l <<<"$server")"
	else
		not_ok "$1" "$(V bash -c "$2" 2>&1 >/dev/null </dev/null)$(diff <(echo "$server") <(echo "$client") | head -n 8)"
	fi
}

# In a cgroup of the host, a process with a child, another user's, and one with threads.
S "mkdir -p $W $CGROUP/{one,two} && cp /bin/sleep $W/'sleep & wait' && chmod 755 $W $W/*"
processes() {
	S "
		rm -f $W/ready
		(echo \$BASHPID >$CGROUP/one/cgroup.procs; exec setsid bash -c '\"$W/sleep & wait\" 1000 & wait' </dev/null >/dev/null 2>&1) &
		(echo \$BASHPID >$CGROUP/two/cgroup.procs; exec setsid setpriv --reuid 1000 --clear-groups nice -n 7 '$W/sleep & wait' 2000 </dev/null >/dev/null 2>&1) &
		(echo \$BASHPID >$CGROUP/two/cgroup.procs; exec setsid /usr/lib/qtfs/tests/process threads </dev/null >$W/ready 2>&1) &
		until [ -s $W/ready ] && pgrep -f '[w]ait 1000' && pgrep -f '[w]ait 2000'; do sleep 0.05; done
	"
}
end_processes() {
	S "
		while grep -q . $CGROUP/*/cgroup.procs; do cat $CGROUP/*/cgroup.procs | xargs -r kill -KILL; sleep 0.05; done
		rmdir $CGROUP/{one,two} $CGROUP
	"
}
disk() {
	S "modprobe loop; truncate -s 40M $W/image && mkfs.ext4 -qF $W/image && mkdir $W/disk && mount -o loop,nosuid $W/image $W/disk && head -c 3M /dev/zero >$W/disk/file && sync"
}
check "processes of the host" processes
check "a disk of the host" disk
check "the server starts" start_server || exit
# ps(1) looks for itself in /proc; the machine that it runs on is where that is.
check "mount of /" mount_qtfs -o link=proc/%p:/run/qtfs/proc/self / $M || exit
mkdir $M/run/qtfs/proc
mount --bind /proc $M/run/qtfs/proc

# ---- disks, mounts, file systems ----
same "lsblk" lsblk
same "lsblk, what is on them" "lsblk --bytes --pairs --output NAME,KNAME,MAJ:MIN,TYPE,SIZE,RO,RM,LOG-SEC,PHY-SEC,SCHED,ROTA,MOUNTPOINT"
same "findmnt" findmnt
same "findmnt of a directory" "findmnt --noheadings --output SOURCE,TARGET,FSTYPE,OPTIONS,MAJ:MIN,SIZE,USED --target $W/disk"
same "df" "df -x qtfs"
same "df, with types and inodes" "df -x qtfs --output=source,fstype,itotal,iused,iavail,target"
same "df of a file" "df --block-size=1 $W/disk/file"
same "losetup" "losetup --noheadings --output NAME,BACK-FILE,RO,OFFSET,SIZELIMIT"
same "stat -f" "stat -f -c '%T %s %b %c' $W/disk /proc /sys /dev"

# ---- processes ----
same_lines "ps, every process" "ps --ppid 2 --deselect -o pid,ppid,pgid,sid,tty,user,group,nlwp,cls,ni,comm,args --no-headers"
same_lines "ps, every thread" "ps -eL -o pid,lwp,psr,comm,cgroup --no-headers | grep views"
same "ps of a cgroup's processes" "ps -o pid,ppid,user,ni,stat,nlwp,comm,args,wchan,vsz --no-headers -p \$(paste -sd, $CGROUP/one/cgroup.procs)"
same_lines "top" "top -b -n 1 -w 512 | grep -v kworker | awk 'seen { print \$1, \$2, \$4, \$5, \$12, \$13, \$14 } \$1 == \"PID\" { seen = 1 }'"
same "top's memory" "top -b -n 1 | grep -o 'MiB .* total'"
same "pgrep" "pgrep -af '[w]ait [12]000'"
same "pstree" "pstree -alp \$(head -n 1 $CGROUP/one/cgroup.procs)"
same "fuser" "fuser '$W/sleep & wait'"
same "free" "free --bytes | awk '{ print \$1, \$2 }'"
same "lscpu" "lscpu | grep -v MHz"

# Its own /dev it needs: devices of the host can't be opened here.
printf '[Host]\nMount=%s\nPath=/\n[Local]\nPath=/dev\n' $M >"$SCRATCH/qtrun.conf"
V() { LC_ALL=C qtrun --config "$SCRATCH/qtrun.conf" "$@"; }
same "lsof" "lsof -w -p \$(head -n 1 $CGROUP/two/cgroup.procs) | awk 'NR > 1 && \$4 != \"mem\" { print \$1, \$2, \$3, \$4, \$5, \$NF }'"
V() { LC_ALL=C chroot $M "$@"; }

# ---- cgroups ----
same "systemd-cgls" "systemd-cgls --no-pager --full --cgroup-id=no $CGROUP"
same "a cgroup's files" "cd $CGROUP/two && grep -rs . --include='cgroup.*' . | sort"

check "the host's processes go" end_processes
is "and ps says so" "$(V ps -e -o args --no-headers | grep '[w]ait [12]000')" ""

# ---- a process's own number, if the host hasn't got it: itself, for itself alone ----
own_number() {
	told=$(V bash -c 'echo $$; read -r name </proc/$$/comm && echo "$name"; readlink /proc/$$ || echo nothing')
	S "! [ -e /proc/${told%%$'\n'*} ]"
}
check "a number that the host hasn't got" wait_for 10 own_number
is "is whose it is, and for nobody else" "${told#*$'\n'}" $'bash\nnothing'
# What a client has only looked at isn't held for long.
check "the disk can be unmounted" wait_for 30 S "umount $W/disk"
check "umount" "umount $M/run/qtfs/proc && umount_qtfs $M"
S "losetup -D; rm -rf $W"
