#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# timeout: 60
# guests: any
# Is the rig itself what the other suites take for granted?
. "$(dirname "$0")/lib.sh"

is "the root is an overlay" "$(findmnt -n -o FSTYPE /)" overlay
is "the server has /srv on ext4" "$(S 'findmnt -n -o FSTYPE /srv')" ext4
check "the client's /tmp is writable" 'echo x >/tmp/smoke && rm /tmp/smoke'
for where in /proc /sys /sys/fs/cgroup /sys/kernel/debug /sys/kernel/tracing /dev/pts /dev/shm /run; do
	check "$where is mounted" mountpoint -q $where
done
is "cgroups are version 2" "$(findmnt -n -o FSTYPE /sys/fs/cgroup)" cgroup2

# shellcheck disable=SC2016 # it is the server's shell that expands
check "/srv keeps user attributes" S 'f=/srv/smoke.$$ && touch $f && setfattr -n user.smoke -v yes $f &&
	[ "$(getfattr --only-values -n user.smoke $f 2>/dev/null)" = yes ] && rm $f'
# shellcheck disable=SC2016
check "/srv keeps access control lists" S 'f=/srv/smoke.$$ && touch $f && setfacl -m u:1234:rw $f &&
	getfacl -n $f 2>/dev/null | grep -q ^user:1234:rw- && rm $f'

check "the client reaches the server" ping -q -c 1 -W 5 $SERVER_IP
check "the server reaches the client" S "ping -q -c 1 -W 5 $CLIENT_IP"
check "names resolve" 'ping -q -c 1 -W 5 server && ping -q -c 1 -W 5 client'
[ "$RIG_GUESTS" = 1 ] || is "the machines are two" "$(hostname) $(S hostname)" "client server"

S 'exit 42'
is "S passes the exit status on" $? 42
S 'kill -9 $$'
is "S passes a signal on" $? 137
is "S passes output on" "$(S 'echo out; echo err >&2' 2>/dev/null)" out
is "S passes error output on" "$(S 'echo out; echo err >&2' 2>&1 >/dev/null)" err
is "S -i passes input on" "$(seq 1 50000 | S -i md5sum)" "$(seq 1 50000 | md5sum)"
is "S leaves the input of a loop alone" "$(seq 1 3 | while read -r i; do S "cat; echo $i"; done | tr '\n' ' ')" "1 2 3 "
is "S does not wait for background processes" "$(with_timeout 5 S 'sleep 100 & echo started')" started
S 'pkill -x sleep'

fails_with "errno names are understood" ENOENT cat /nowhere
fails_with "errors of the server's programs too" EISDIR S 'cat /srv'
with_timeout 0.3 sleep 10
is "with_timeout ends what takes long" $? 124
with_timeout 5 S 'exit 3'
is "with_timeout passes the exit status on" $? 3

for tool in git make gcc fio rsync setfattr setfacl socat strace python3 perl mkfs.xfs inotifywait lsof fuser file xz \
	time; do
	check "the guest has $tool" "type -P $tool"
done
# shellcheck disable=SC2016
check "gcc works" 'cd "$SCRATCH" && echo "int main(void) { return 0; }" >t.c && gcc -o t t.c && ./t'
check "module dependencies are known" modprobe -n nbd
