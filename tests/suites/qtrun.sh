#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# timeout: 480
# Unmodified programs under qtrun: their root, their mounts and signals on the server, their exit status, their rights.
. "$(dirname "$0")/lib.sh"

M=/mnt/host
W=/srv/qtrun
CALLS=/usr/lib/qtfs/tests/calls
NEW=/usr/lib/qtfs/tests/newmount
WHITELIST_SECTIONS+=" Remotemount"
CONFIG=$SCRATCH/qtrun.conf
R() { qtrun --config "$CONFIG" "$@"; }
there() { S "findmnt -no $1 $W/$2"; }

S "mkdir -p $W/{tmp,low,bind,moved,disk,local,shared} && cp /bin/sleep $W/sleep && echo low >$W/low/file"
mkdir -p $W/local /srv/own /tmp/own
chmod 755 "$SCRATCH"
check "the server starts" start_server || exit
check "mount of /" mount_qtfs / $M || exit
cat >"$CONFIG" <<EOF
[Host]
Mount=$M
Path=$W
[Local]
Path=$W/local
EOF

# ---- the program ----
check "the configuration" R --check
check "true" R true
is "output" "$(echo text | R cat)" text
R sh -c 'exit 7'
is "exit status" $? 7
R sh -c 'kill -TERM $$'
is "death by a signal" $? 143
R absent 2>/dev/null
is "not found" $? 127
R /etc/passwd 2>/dev/null
is "not executable" $? 126
qtrun --config /absent true 2>/dev/null
is "no configuration" $? 125
echo "Nonsense" >>"$CONFIG"
check "a mistake is told by its line" "R --check 2>&1 | grep ':6: '"
sed -i '$d' "$CONFIG"
check "without CAP_SYS_ADMIN it says so" "as 1000 qtrun --config $CONFIG true 2>&1 | grep 'takes CAP_SYS_ADMIN'"
qtrun --config "$CONFIG" sh -c 'trap "exit 9" TERM; echo ready >'"$SCRATCH"'/ready; while :; do sleep 0.05; done' &
program=$!
wait_for 10 test -s "$SCRATCH/ready"
kill -TERM $program
wait $program
is "a signal reaches the program itself" $? 9

# ---- its root ----
type_of() { R findmnt -nro FSTYPE -T "$1"; }
is "a directory of the host" "$(type_of $W/low)" qtfs
is "has its files" "$(R cat $W/low/file)" low
is "one of this machine below it" "$(type_of $W/local)" "$(findmnt -nro FSTYPE -T $W/local)"
is "all else is this machine's" "$(type_of /etc)" "$(findmnt -nro FSTYPE -T /etc)"
is "the working directory stays" "$(cd $W/low && R sh -c 'cat file; pwd')" "low
$W/low"
printf '[Host]\nMount=%s\nPath=/\n' $M >"$CONFIG.root"
is "the host's root as the root" "$(qtrun --config "$CONFIG.root" stat -c %d /)" "$(stat -c %d $M)"

# ---- mounts ----
check "mount(8) of a tmpfs" R mount -t tmpfs -o size=2M,nosuid none $W/tmp
is "is on the server" "$(there FSTYPE tmp)" tmpfs
is "as it was said" "$(there OPTIONS tmp | tr , '\n' | grep -cx 'nosuid\|size=2048k')" 2
check "the program's files are there" R sh -c "echo text >$W/tmp/file"
is "on the server" "$(S "cat $W/tmp/file")" text
check "remount" R mount -t tmpfs -o remount,size=3M,ro none $W/tmp
is "is done" "$(there OPTIONS tmp | tr , '\n' | grep -cx 'ro\|size=3072k')" 2
check "umount(8)" R umount $W/tmp
is "it is gone" "$(there FSTYPE tmp)" ""
check "a static program" R $CALLS mount none $W/tmp tmpfs
is "mounts, too" "$(there FSTYPE tmp)" tmpfs
check "relative to its directory" "cd $W && R $CALLS umount tmp"
is "it is gone, too" "$(there FSTYPE tmp)" ""
check "bind" R mount --bind $W/low $W/bind
is "is bound there" "$(S "cat $W/bind/file")" low
fails_with "busy" EBUSY "R sh -c 'exec 5<$W/bind/file; $CALLS umount $W/bind'"
check "umount of it" R umount $W/bind
fails_with "nothing to unmount" EINVAL R $CALLS umount $W/bind
fails_with "bind from this machine" EXDEV R $CALLS mount /etc $W/bind bind
fails_with "a type that there isn't" ENODEV R $CALLS mount none $W/tmp nonsense
check "overlay, by the names that the program sees" \
	"S 'mkdir -p $W/up $W/work && modprobe overlay' && R mount -t overlay -o lowerdir=$W/low,upperdir=$W/up,workdir=$W/work none $W/bind"
is "is there" "$(S "cat $W/bind/file")" low
check "and goes" R umount $W/bind
check "a local mount" R sh -c "mount -t tmpfs mine /srv/own && grep -q '^mine /srv/own tmpfs' /proc/self/mounts"
is "is seen by nobody else" "$(grep -c ' /srv/own ' /proc/self/mountinfo)" 0
check "the mount of the host itself" R sh -c "umount $W/local && [ \$(findmnt -nro FSTYPE -T $W/local) = qtfs ]"
check "signals while it mounts" R $CALLS interrupted $W/tmp 20
is "leave nothing" "$(there FSTYPE tmp)" ""

# ---- mounts by the new calls ----
options() { there OPTIONS "$1" | tr , '\n' | grep -cx "$2"; }
check "fsopen, fsconfig, fsmount, move_mount" R $NEW open:tmpfs set:size=2M set:source=words create mount:nosuid move:$W/tmp write:file
is "is on the server" "$(there FSTYPE,SOURCE tmp)" "tmpfs  words"
is "as it was said" "$(options tmp 'nosuid\|size=2048k')" 2
is "what was made by its descriptor, too" "$(S "ls $W/tmp")" file
check "fspick" R $NEW pick:$W/tmp set:size=3M reconfigure
is "changes the file system, and not the mount" "$(options tmp 'rw\|nosuid\|size=3072k')" 3
check "fspick, ro" R $NEW pick:$W/tmp set:ro reconfigure
is "changes no option" "$(there FS-OPTIONS tmp | tr , '\n' | grep -cx 'ro\|size=3072k') $(there VFS-OPTIONS tmp | tr , '\n' | grep -cx 'rw\|nosuid')" "2 2"
check "mount_setattr" R $NEW pick:$W/tmp set:rw reconfigure attr:+ro@$W/tmp attr:-nosuid@$W/tmp attr:+noatime@$W/tmp
is "changes what it says" "$(there VFS-OPTIONS tmp)" ro,noatime
check "and back" R $NEW attr:-ro@$W/tmp attr:+relatime@$W/tmp
is "is as before" "$(there VFS-OPTIONS tmp)" rw,relatime
check "propagation" R $NEW attr:shared@$W/tmp
is "is changed" "$(there PROPAGATION tmp)" shared
check "private" R $NEW attr:private@$W/tmp
is "is changed, too" "$(there PROPAGATION tmp)" private
check "move_mount of what is there" R $NEW place:$W/tmp:$W/moved
is "has moved" "$(there FSTYPE tmp) $(S "ls $W/moved")" " file"
check "umount of it" R umount $W/moved
check "open_tree" R $NEW clone:$W/low attr:+ro move:$W/bind
is "is bound there" "$(S "cat $W/bind/file")" low
is "as was said before" "$(there VFS-OPTIONS bind)" ro,relatime
check "umount of that" R umount $W/bind
S "mount -t tmpfs below $W/moved && mkdir $W/moved/a && mount -t tmpfs below $W/moved/a"
check "open_tree alone" R $NEW clone:$W/moved move:$W/bind
is "leaves what is below" "$(there FSTYPE bind) $(there FSTYPE bind/a)" "tmpfs "
check "goes" R umount $W/bind
check "open_tree with all below" R $NEW tree:$W/moved move:$W/bind attr:tree-+ro
is "has it, and its flags" "$(there VFS-OPTIONS bind) $(there VFS-OPTIONS bind/a) $(there VFS-OPTIONS moved)" "ro,relatime ro,relatime rw,relatime"
check "goes, too" R sh -c "umount $W/bind/a && umount $W/bind"
check "and what it is a copy of" R sh -c "umount $W/moved/a && umount $W/moved"
check "an overlay of the host's directories" \
	R $NEW open:overlay set:lowerdir=$W/low set:upperdir=$W/up set:workdir=$W/work create mount move:$W/bind
is "is there" "$(there FSTYPE bind) $(S "cat $W/bind/file")" "overlay low"
check "goes as well" R umount $W/bind
S "truncate -s 8M $W/image && mkfs.ext4 -q $W/image && modprobe loop && losetup -f --show $W/image >$W/device && mknod $W/loop b 7 \$(sed s/.*loop// $W/device)"
check "a disk of the host" R $NEW thread open:ext4 set:source=$W/loop set:errors=remount-ro create mount:nodev names move:$W/disk names
is "is there, too" "$(there FSTYPE disk) $(options disk 'nodev\|errors=remount-ro')" "ext4 2"
check "and goes, too" R umount $W/disk
fails_with "a disk of the host for this machine" EXDEV R $NEW open:ext4 set:source=$W/loop create mount move:/srv/own
fails_with "into which nothing is written" ENOSPC R $NEW open:ext4 set:source=$W/loop create mount write:file
S "losetup -d \$(cat $W/device)"
check "what is no disk any more" "! R $NEW open:ext4 set:source=$W/loop create mount move:$W/disk"
is "has left nothing" "$(there FSTYPE disk)" ""
fails_with "a tree of this machine on the host" EXDEV R $NEW clone:/etc move:$W/bind
fails_with "a tmpfs of this machine" EXDEV R $NEW open:tmpfs create mount move:/srv/own clone:/srv/own move:$W/bind
fails_with "what has files already" EXDEV R $NEW open:tmpfs create mount write:file move:$W/bind
fails_with "a type that there isn't, by the new calls" ENODEV R $NEW open:nonsense create
fails_with "what mount(2) can't say" EOPNOTSUPP R $NEW open:nonsense set:source=$W/loop set:list=a,b create mount move:$W/disk
fails_with "an option that there isn't" EINVAL R $NEW open:tmpfs set:nonsense=1
is "the kernel's words" "$(R $NEW open:tmpfs set:size=x 2>&1)" "$($NEW open:tmpfs set:size=x 2>&1)"
steps=(open:tmpfs set:size=1M create mount:nodev write:file names attr:+ro move:/srv/own names)
is "of this machine" "$(R $NEW "${steps[@]}")" "$($NEW "${steps[@]}"; umount /srv/own)"
check "is seen by nobody else, too" "! findmnt /srv/own"
check "a clone of this machine" R sh -c "$NEW clone:/etc move:/srv/own && [ /srv/own -ef /etc ]"
check "contexts that are closed go" R $NEW often:1500:tmpfs open:tmpfs
fails_with "fsopen without CAP_SYS_ADMIN" EPERM R setpriv --bounding-set=-sys_admin --inh-caps=-sys_admin $NEW open:tmpfs
fails_with "open_tree without it" EPERM R setpriv --bounding-set=-sys_admin --inh-caps=-sys_admin $NEW clone:$W/low
fails_with "mount_setattr without it" EPERM R setpriv --bounding-set=-sys_admin --inh-caps=-sys_admin $NEW attr:+ro@$W/low
check "root of a user namespace has its own" R unshare -Urm $NEW open:tmpfs create mount move:/srv/own
fails_with "and not the host's" EPERM R unshare -Urm $NEW open:tmpfs create mount move:$W/tmp

fails_with "mount without CAP_SYS_ADMIN" EPERM R setpriv --bounding-set=-sys_admin --inh-caps=-sys_admin $CALLS mount none $W/tmp tmpfs
fails_with "another user" EPERM R setpriv --reuid 1000 --clear-groups $CALLS mount none $W/tmp tmpfs
fails_with "root of a user namespace" EPERM R unshare -Ur $CALLS mount none $W/tmp tmpfs

# ---- processes ----
pid=$(run_there a "$W/sleep 1000")
check "kill, signal 0" R $CALLS kill "$pid" 0
check "prlimit" R prlimit -p "$pid" --nofile=66:77
is "is set there" "$(S "prlimit -p $pid --nofile -o SOFT,HARD --noheadings --raw")" "66 77"
is "and read" "$(R prlimit -p "$pid" --nofile -o SOFT,HARD --noheadings --raw)" "66 77"
check "taskset" R taskset -p 1 "$pid"
is "is set" "$(S "taskset -p $pid" | sed 's/.*: //')" 1
is "and read, too" "$(R taskset -p "$pid" | sed 's/.*: //')" 1
check "tgkill" R $CALLS tgkill "$pid" "$pid" 0
fails_with "another user's kill" EPERM R setpriv --reuid 1000 --clear-groups $CALLS kill "$pid" 0
fails_with "no such process" ESRCH R $CALLS kill 3999999 0
check "pidfd" R $CALLS pidfd "$pid" 0
check "kill" R kill -TERM "$pid"
check "ends it" wait_for 5 is_gone "$pid"
pid=$(run_there a "$W/sleep 1000")
check "kill by a pidfd" R $CALLS pidfd "$pid" 15
check "ends it, too" wait_for 5 is_gone "$pid"
pid=$(run_there a "bash -c \"$W/sleep 1000 & $W/sleep 1000 & wait\"")
wait_for 5 S "[ \$(pgrep -c -g $pid -x sleep) = 2 ]"
check "kill of a group" R $CALLS kill "-$pid" 15
check "ends all of it" wait_for 5 S "! pgrep -g $pid"
R sh -c 'sleep 100 & kill -USR1 $!; wait $!'
is "its own child" $? 138
R setsid -w sh -c 'trap "" TERM; kill -TERM 0; kill -TERM -$$; exit 5'
is "its own group" $? 5
check "its own processors" R taskset -c 0 true
check "a pid namespace of its own" R unshare -pf --mount-proc sh -c 'sleep 9 & kill -0 $! && kill $!'
whitelist "Kill=$W/sleep" Remotemount=$W/tmp
check "the server allows less" reload_engine
pid=$(run_there a "$W/sleep 1000")
check "what is allowed" R $CALLS kill "$pid" 0
fails_with "another process" EPERM R $CALLS kill 1 0
fails_with "another directory" EACCES R $CALLS mount none $W/bind tmpfs
left() { R sh -c 'sleep 100 >/dev/null 2>&1 & echo $!'; }
check "what a run before has left is its own" R kill -TERM "$(left)"
mkdir /sys/fs/cgroup/service
own=$(bash -c "echo \$BASHPID >/sys/fs/cgroup/service/cgroup.procs; $(declare -f R left); CONFIG=$CONFIG left")
check "but not of another service" "! R $CALLS kill $own 0"
check "that one's own is" "bash -c 'echo \$BASHPID >/sys/fs/cgroup/service/cgroup.procs; exec qtrun --config $CONFIG kill -TERM $own'"
check "ends" wait_for 5 rmdir /sys/fs/cgroup/service
S "kill $pid"

# ---- programs that the host executes, which is this machine here ----
cat >/usr/local/bin/there <<-'END'
	#!/bin/sh
	echo "$(cat) $# $2 $0"
	exit 6
END
chmod 755 /usr/local/bin/there
printf '/usr/local/bin/there\n' >"$SCRATCH/commands"
setsid rexec_server --socket "$SCRATCH/server.sock" --whitelist "$SCRATCH/commands" </dev/null >"$SCRATCH/rexec.log" 2>&1 {RESULTS}>&- &
server=$!
wait_for 10 test -S "$SCRATCH/server.sock"
sed "s,^Path=$W\$,&\nProgram=/usr/local/bin/there;/usr/bin/who," "$CONFIG" >"$CONFIG.program"
P() { REXEC_SERVER=$SCRATCH/server.sock qtrun --config "$CONFIG.program" "$@" {RESULTS}>&-; }
cd / || exit
is "a program of the host" "$(echo text | P sh -c 'there --help "a  b"; echo $?')" "text 2 a  b /usr/local/bin/there
6"
said=$(P who 2>&1)
is "one that isn't listed there" "$? ${said##*: }" "126 it isn't in $SCRATCH/commands of the server"
sed 's,/usr/bin/who,/usr/bin/absent,' "$CONFIG.program" >"$CONFIG.absent"
check "one where there is no file" "qtrun --config $CONFIG.absent true 2>&1 | grep \"/usr/bin/absent can't be put at\""
kill $server
wait $server
rm /usr/local/bin/there

# ---- the host's processes, and oneself among them ----
mkdir -p /run/own && mount --bind /proc /run/own
check "mount with links" mount_qtfs -o link=proc/self:/run/own/self,link=proc/thread-self:/run/own/thread-self / ${M}2
printf '[Host]\nMount=%s\nPath=/proc\n' ${M}2 >"$CONFIG.proc"
own() { qtrun --config "$CONFIG.proc" "$@"; }
is "the host's /proc" "$(own findmnt -nro FSTYPE /proc | tail -n 1)" qtfs
is "its processes" "$(own cat /proc/1/comm) $(own ps -o comm= -p 1)" "$(S "cat /proc/1/comm") $(S "cat /proc/1/comm")"
is "oneself" "$(own cat /proc/self/comm; own sh -c 'read -r pid _ </proc/self/stat; [ "$pid" = $$ ] && echo good')" "cat"$'\n'"good"
is "one's own mounts" "$(own grep -c " /proc qtfs " /proc/mounts)" 1
is "one's own files" "$(own sh -c 'exec 7</etc/hostname; readlink /proc/self/fd/7 || readlink /run/own/$$/fd/7')" "$(readlink -f /etc/hostname)"
check "umount" umount_qtfs ${M}2
umount /run/own

# ---- what it leaves ----
check "nothing is left" wait_for 5 eval "! pidof qtrun"
R sh -c "(while [ ! -e $SCRATCH/end ]; do sleep 0.05; done; kill -0 \$\$; mount -t tmpfs none $W/tmp && echo good >$SCRATCH/good) >/dev/null 2>&1 &"
is "what it started in the background is still served" "$(touch "$SCRATCH/end"; wait_for 10 test -s "$SCRATCH/good"; cat "$SCRATCH/good")" good
check "and then nothing is left, either" wait_for 5 eval "! pidof qtrun"
S "umount $W/tmp"
echo "# without: $($CALLS speed 100000)"
echo "# under qtrun: $(R $CALLS speed 100000)"
S "rm -rf $W"
rm -rf /srv/own
