#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# long
# timeout: 900
# guests: 2
# trans: tcp
# docs/containerd.md, as it is written: unmodified containerd on the client, its containers on the server.
. "$(dirname "$0")/lib.sh"

GUIDE=/opt/qtfs/docs/containerd.md
SAVE="mkdir -p /run/saved && rsync -a /etc/ /run/saved/"
RESTORE="rsync -a --delete /run/saved/ /etc/; rm -rf /run/saved"

# What the guide takes for given: its addresses, an image, and a systemd, of which there is here what starts a unit's program.
bash -c "$SAVE" && S "$SAVE" || exit
ip addr add 192.168.10.11/24 dev link0
# An overlay can't be made on the overlay that a guest's root is.
S "ip addr add 192.168.10.10/24 dev link0; mkdir -p /srv/containerd /var/lib/containerd; mount --bind /srv/containerd /var/lib/containerd"
cat >"$SCRATCH/systemctl" <<'END'
#!/bin/bash
[ "$1" = enable ] || exit 0
shift 2
for unit; do
	value() { sed -n "s/^$1=//p" /lib/systemd/system/$unit.service /etc/systemd/system/$unit.service.d/*.conf 2>/dev/null | tail -n 1; }
	[ $unit != qtfs-engine ] || modprobe qtfs_server || exit
	file=$(value EnvironmentFile)
	[ -z "$file" ] || . "$file"
	mkdir -p /run/qtfs /run/rexec
	eval "setsid $(value ExecStart | sed 's/--keep-sockets//')" </dev/null >/run/qtfs/$unit.log 2>&1 &
done
END
install "$SCRATCH/systemctl" /usr/local/bin/systemctl
S -i "cat >/usr/local/bin/systemctl; chmod 755 /usr/local/bin/systemctl" <"$SCRATCH/systemctl"
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

# The blocks of the guide, in their order: who executes it, then the commands.
awk -v out="$SCRATCH/block" -f "$(dirname "$0")/blocks.awk" "$GUIDE"
is "the guide's blocks" "$(cd "$SCRATCH" && echo block*.host | wc -w) $(cd "$SCRATCH" && echo block*.client | wc -w)" "4 6"
SERVER_STARTED=1
end_suite() {
	local status=$?
	if [ $FAILURES -gt 0 ]; then
		tail -n 20 /run/qtfs/*.log
		S "tail -n 20 /run/qtfs/*.log"
	fi
	qtrun ctr task kill --signal KILL box >/dev/null 2>&1
	pidof containerd udsproxyd | xargs -r kill
	wait_for 10 eval '! pidof containerd'
	umount /mnt/host
	bash -c "$RESTORE"
	S "pgrep -f ^/usr/bin/containerd-shim | xargs -r kill; kill \$(pidof udsproxyd rexec_server); umount /var/lib/containerd; rm -rf /srv/containerd /run/containerd/* /usr/local/bin/systemctl; ip addr del 192.168.10.10/24 dev link0; $RESTORE"
	rm -f /usr/local/bin/systemctl
	ip addr del 192.168.10.11/24 dev link0
	(exit $status)
	tidy
}
trap end_suite EXIT
execute() { # NUMBER
	local block="$SCRATCH/block$1"
	if [ -e "$block.host" ]; then
		S -i "bash -e" <"$block.host"
	else
		bash -e "$block.client" </dev/null
	fi >"$SCRATCH/out" 2>"$SCRATCH/errors" {RESULTS}>&- && return
	tail -n 2 "$SCRATCH/out" "$SCRATCH/errors"
	return 1
}

for number in 01 02 03 04; do
	check "block $number, the host" execute $number || exit
done
check "the engine runs" wait_for 20 S "grep -q running /sys/fs/qtfs_server/engine"
check "block 05, the mount and qtrun" execute 05 || exit
check "block 06, sockets" execute 06 || exit
check "the server executes" wait_for 30 qtrun runc --version || exit
check "block 07, containerd" execute 07 || exit
check "containerd answers" wait_for 120 qtrun ctr version || exit
check "block 08, an image and a container" execute 08 || exit
is "its output" "$(tail -n 1 "$SCRATCH/out")" "hello from the host"
check "block 09, one that stays" execute 09 || exit
pid=$(sed -n 's/^box *\([0-9]*\) *RUNNING.*/\1/p' "$SCRATCH/out")
is "it is a process of the server" "$(S "tr '\\0' ' ' </proc/$pid/cmdline")" "sleep 1000 "
is "in the server's cgroup" "$(S "cat /proc/$pid/cgroup")" 0::/default/box
is "that of what was executed in it" "$(grep -c '^0::/$\|^0::/default/box$' "$SCRATCH/out")" 1
is "its number is in the list that the client sees" "$(tail -n 1 "$SCRATCH/out")" "$pid"
is "its parent, the shim, is the server's" "$(S "cat /proc/\$(awk '/^PPid/ { print \$2 }' /proc/$pid/status)/comm")" "containerd-shim"
is "the client has neither" "$(pgrep -f 'sleep 1000|containerd-shim')" ""
check "block 10, its end" execute 10
is "nothing of it is left" "$(S "pgrep -x sleep; ls -d /sys/fs/cgroup/default/box 2>/dev/null")" ""
