#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# timeout: 120
# guests: 1
# trans: tcp
# One server on every transport at once; what is particular to each of them.
. "$(dirname "$0")/lib.sh"

D=/srv/transports

refused() { # NAME REGEX OPTIONS
	local said
	dmesg -C
	said=$(mount -t qtfs -o "$3" $D /mnt/refused 2>&1)
	is "$1" "$?" 32 && check "$1: says why" "{ dmesg; echo '$said'; } | grep -qE '$2'"
}

mkdir -p /mnt/{tcp,vsock,loop,any,refused} $D
modprobe vsock_loopback
modprobe qtfs

# ---- nobody there ----
refused "loop without a server" 'loop.*(refused|-111)' trans=loop
refused "pcie without a window" 'pcie.*-19' trans=pcie
refused "vsock without a server" 'vsock 1:12345' trans=vsock,cid=1
refused "vsock to nowhere" 'vsock 77:5' trans=vsock,cid=77,port=5

# ---- all at once ----
check "the server starts on three transports" \
	start_server qtfs_server_vsock_cid=1 qtfs_server_vsock_port=777 qtfs_loop=1 || exit
echo text >$D/file
check "mount by tcp" mount -t qtfs -o addr=$SERVER_IP,port=$SERVER_PORT $D /mnt/tcp
check "mount by vsock" mount -t qtfs -o cid=1,port=777 $D /mnt/vsock
check "mount by loop" mount -t qtfs -o trans=loop $D /mnt/loop
for trans in tcp vsock loop; do
	is "$trans: reads" "$(cat /mnt/$trans/file)" text
	check "$trans: shown among the options" "findmnt -n -o OPTIONS /mnt/$trans | grep -q trans=$trans"
	check "$trans: 3 MiB there and back" "dd if=/dev/urandom of=/mnt/$trans/big bs=1M count=3 status=none && \
		echo 3 >/proc/sys/vm/drop_caches && cmp /mnt/$trans/big $D/big"
done
echo more >>/mnt/loop/file
check "one client's change reaches the other" wait_for 5 "grep -q more /mnt/vsock/file"
is "the server tells them apart" "$(cat /sys/fs/qtfs_server/*/transport | cut -d ' ' -f 1 | sort | tr '\n' ' ')" "loop tcp vsock "
umount /mnt/tcp /mnt/vsock /mnt/loop

# ---- names of servers ----
refused "addr= with vsock" 'trans=vsock takes cid' trans=vsock,addr=10.77.0.1
refused "cid= with tcp" 'trans=tcp takes addr' trans=tcp,cid=1
refused "cid= with loop" 'trans=loop takes no address' trans=loop,cid=1
refused "a cid that is none" 'cid=x' cid=x
refused "a cid out of range" 'cid=4294967296' cid=4294967296
rmmod qtfs && modprobe qtfs qtfs_server_vsock_cid=1 qtfs_server_vsock_port=777
check "the parameters name a vsock server" mount -t qtfs $D /mnt/any
check "which is what is mounted" "findmnt -n -o OPTIONS /mnt/any | grep -q 'trans=vsock,cid=1,port=777'"
umount /mnt/any

# ---- allow= ----
bad_allow() { # WORD
	dmesg -C
	fails_with "allow=$1 is refused" EINVAL modprobe qtfs_server qtfs_server_ip=$SERVER_IP allow="$1"
	check "allow=$1: says why" "dmesg | grep -qF '\"${1##*,}\" is no address'"
}
restart() { # ALLOW
	stop_engine
	S "rmmod qtfs_server"
	start_server qtfs_server_vsock_cid=1 qtfs_server_vsock_port=777 allow="$1"
}
stop_engine
S "rmmod qtfs_server"
for word in nonsense 10.0.0.0/33 ::1/129 cid: cid:x "10.0.0.1,"; do
	bad_allow "$word"
done
check "a list of others" restart 10.1.0.0/16,fe80::/10,cid:7
refused "tcp from elsewhere" "$SERVER_IP" addr=$SERVER_IP
refused "vsock from elsewhere" 'vsock 1:777' cid=1,port=777
is "they are counted" "$(S "awk '/not_allowed/ { print \$2 }' /sys/fs/qtfs_server/stats")" 2
check "a list that has both" restart 10.77.0.0/24,cid:1
for options in addr=$SERVER_IP cid=1,port=777; do
	check "allowed: $options" "mount -t qtfs -o $options $D /mnt/any && umount /mnt/any"
done
