#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# long
# timeout: 900
# guests: 2
# trans: tcp
# docs/containerd.md, as it is written: unmodified containerd on the client, its containers on the server.
. "$(dirname "$0")/lib.sh"

guide_begin containerd.md || exit
# An overlay can't be made on the overlay that a guest's root is.
S "mkdir -p /srv/containerd /var/lib/containerd; mount --bind /srv/containerd /var/lib/containerd"
make_image() (
	mkdir -p "$SCRATCH/image/bin" && cd "$SCRATCH/image" && cp /rig/busybox bin || exit
	for name in sh echo sleep cat hostname; do
		ln -s busybox bin/$name
	done
	tar -cf ../layer.tar . && cd .. || exit
	cat >config.json <<-END
		{ "architecture": "amd64", "os": "linux", "config": { "Env": [ "PATH=/bin" ], "Cmd": [ "sh" ] },
		  "rootfs": { "type": "layers", "diff_ids": [ "sha256:$(sha256sum <layer.tar | cut -d' ' -f1)" ] } }
	END
	echo '[ { "Config": "config.json", "RepoTags": [ "busybox:offload" ], "Layers": [ "layer.tar" ] } ]' >manifest.json
	tar -cf /root/busybox.tar config.json layer.tar manifest.json
)
check "an image" make_image || exit

is "the guide's blocks" "$(guide_blocks host) $(guide_blocks client)" "4 6"
end_suite() {
	local status=$?
	qtrun ctr task kill --signal KILL box >/dev/null 2>&1
	pidof containerd | xargs -r kill
	wait_for 10 eval '! pidof containerd'
	S "pgrep -f ^/usr/bin/containerd-shim | xargs -r kill"
	guide_end
	S "umount /var/lib/containerd; rm -rf /srv/containerd /run/containerd/*"
	(exit $status)
	tidy
}
trap end_suite EXIT

for number in 01 02 03 04; do
	check "block $number, the host" guide_execute $number || exit
done
check "the engine runs" wait_for 20 S "grep -q running /sys/fs/qtfs_server/engine"
check "block 05, the mount and qtrun" guide_execute 05 || exit
check "block 06, sockets" guide_execute 06 || exit
check "the server executes" wait_for 30 qtrun runc --version || exit
check "block 07, containerd" guide_execute 07 || exit
check "containerd answers" wait_for 120 qtrun ctr version || exit
check "block 08, an image and a container" guide_execute 08 || exit
is "its output" "$(tail -n 1 "$SCRATCH/out")" "hello from the host"
check "block 09, one that stays" guide_execute 09 || exit
pid=$(sed -n 's/^box *\([0-9]*\) *RUNNING.*/\1/p' "$SCRATCH/out")
is "it is a process of the server" "$(S "tr '\\0' ' ' </proc/$pid/cmdline")" "sleep 1000 "
is "in the server's cgroup" "$(S "cat /proc/$pid/cgroup")" 0::/default/box
is "that of what was executed in it" "$(grep -c '^0::/$\|^0::/default/box$' "$SCRATCH/out")" 1
is "its number is in the list that the client sees" "$(tail -n 1 "$SCRATCH/out")" "$pid"
is "its parent, the shim, is the server's" "$(S "cat /proc/\$(awk '/^PPid/ { print \$2 }' /proc/$pid/status)/comm")" "containerd-shim"
is "the client has neither" "$(pgrep -f 'sleep 1000|containerd-shim')" ""
check "block 10, its end" guide_execute 10
is "nothing of it is left" "$(S "pgrep -x sleep; ls -d /sys/fs/cgroup/default/box 2>/dev/null")" ""
