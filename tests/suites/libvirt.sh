#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# long
# timeout: 900
# guests: 2
# trans: tcp
# layer: libvirt
# docs/libvirt.md, as it is written: unmodified libvirtd on the client, its guests on the server.
. "$(dirname "$0")/lib.sh"

guide_begin libvirt.md || exit
QEMU=/usr/bin/qemu-system-x86_64
mv $QEMU /run/qemu # the client has none
end_suite() {
	local status=$?
	if [ $FAILURES -gt 0 ]; then
		tail -n 20 /mnt/host/var/log/libvirt/qemu/*.log
	fi
	S "kill \$(pidof qemu-system-x86_64)"
	pidof libvirtd | xargs -r kill
	wait_for 20 eval "! pidof libvirtd qtrun"
	guide_end
	mv /run/qemu $QEMU
	rm -rf /var/cache/libvirt/qemu /var/lib/libvirt/qemu /run/libvirt
	S "rm -rf /var/lib/libvirt/images/* /var/lib/libvirt/qemu /var/log/libvirt/qemu /run/libvirt"
	(exit $status)
	tidy
}
trap end_suite EXIT

# A guest in a boot sector: it says to the serial line in capitals what it hears there, and ends when its button is pressed.
cat >"$SCRATCH/tiny.s" <<'END'
	.code16
	xor %ax, %ax
	mov %ax, %ds
	mov %ax, %ss
	mov $0x7c00, %sp
	mov $0x602, %dx		# ACPI: the button shall be seen
	mov $0x100, %ax
	out %ax, %dx
	sti
next:	mov $0x600, %dx
	in %dx, %ax
	test $1, %ah
	jnz off
	mov $0x3fd, %dx
	in %dx, %al
	test $1, %al
	jnz heard
	hlt
	jmp next
heard:	mov $0x3f8, %dx
	in %dx, %al
	cmp $'a', %al
	jb say
	cmp $'z', %al
	ja say
	and $0xdf, %al
say:	mov %al, %bl
	mov $0x3fd, %dx
busy:	in %dx, %al
	test $0x20, %al
	jz busy
	mov $0x3f8, %dx
	mov %bl, %al
	out %al, %dx
	jmp next
off:	mov $0x604, %dx
	mov $0x2000, %ax
	out %ax, %dx
	jmp off
	.org 510
	.word 0xaa55
END
make_image() {
	command as --32 -o "$SCRATCH/tiny.o" "$SCRATCH/tiny.s" && ld -m elf_i386 -Ttext 0x7c00 -e 0x7c00 --oformat binary -o /root/tiny.img "$SCRATCH/tiny.o" &&
		[ "$(stat -c %s /root/tiny.img)" = 512 ] && truncate -s 1M /root/tiny.img
}
check "an image" make_image || exit
is "the guide's blocks" "$(guide_blocks host) $(guide_blocks client)" "4 7"

state() { virsh domstate tiny 2>&1 | head -n 1; }
has_state() { [ "$(state)" = "$1" ]; }
emulators() { S "pgrep -c -f 'guest=tin[y]'"; }
# Both ways over its serial line.
mkfifo "$SCRATCH/typed"
talk() { # WORD
	local out=$SCRATCH/console typed pid
	exec {typed}<>"$SCRATCH/typed"
	timeout 200 script -qec "virsh console --force tiny" /dev/null <&"$typed" >"$out" 2>&1 {RESULTS}>&- &
	pid=$!
	wait_for 60 grep -q Escape "$out"
	wait_for 60 guest_listens
	printf %s "$1" >&"$typed"
	wait_for 60 grep -q "${1^^}" "$out"
	printf '\035' >&"$typed"
	wait $pid
	exec {typed}>&-
	grep -o "${1^^}" "$out" || cat "$out"
}
# Its program has been loaded, and the firmware is through.
guest_listens() {
	virsh qemu-monitor-command --hmp tiny "info registers" | grep -q '^EIP=00007c'
}
restart_libvirtd() {
	pidof libvirtd | xargs -r kill
	wait_for 20 eval "! pidof libvirtd" && systemctl enable --now libvirtd && wait_for 120 virsh version
}

for number in 01 02 03 04; do
	check "block $number, the host" guide_execute $number || exit
done
check "the engine runs" wait_for 20 S "grep -q running /sys/fs/qtfs_server/engine"
check "block 05, the mount and qtrun" guide_execute 05 || exit
check "block 06, sockets" guide_execute 06 || exit
check "the server executes" wait_for 30 eval "qtrun $QEMU --version | grep 'QEMU emulator'" || exit
check "block 07, libvirt" guide_execute 07 || exit
check "libvirtd answers" wait_for 120 virsh version || exit
check "it has asked the server's qemu what it can" "virsh capabilities | grep -c 'machine.*pc-q35-7.2'" || exit
check "block 08, a guest" guide_execute 08 || exit
is "it runs" "$(sed -n 's/^ [0-9]* *tiny *//p' "$SCRATCH/out")" running
is "on the server" "$(emulators) $(S "readlink /proc/\$(pgrep -f 'guest=tin[y]')/exe")" "1 $QEMU"
check "its log is there" S "grep -q 'Domain id=' /var/log/libvirt/qemu/tiny.log"
is "its console" "$(talk hello)" HELLO
is "again" "$(talk there)" THERE
check "block 09, its monitor" guide_execute 09
is "what it says" "$(grep -o 'VM status: running\|"present":true\|"present":false' "$SCRATCH/out" | tr '\n' ' ' | cut -c1-26)" 'VM status: running "presen'
is "its image, as libvirt sees it" "$(sed -n 's/^Capacity: *//p' "$SCRATCH/out")" 1048576
check "the threads of its processors are the server's" virsh vcpupin tiny 0 0
check "block 10, its end as it wants" guide_execute 10
check "it has ended" wait_for 60 has_state "shut off"
is "and nothing of it is left" "$(emulators)" 0

# ---- libvirtd ends and is started again ----
check "another" virsh start tiny
check "libvirtd is started again" restart_libvirtd
is "it finds its guest" "$(state)" running
is "and its console" "$(talk back)" BACK
check "and its end" virsh destroy tiny
check "which is that of the process" wait_for 10 eval '[ "$(emulators)" = 0 ]'

# ---- the link is lost ----
check "one more" virsh start tiny
pidof udsproxyd | xargs -r kill
check "without a link its guest ends" wait_for 60 has_state "shut off"
check "on the server, too" wait_for 20 eval '[ "$(emulators)" = 0 ]'
systemctl enable --now udsproxyd
check "with it there are guests again" wait_for 60 virsh start tiny
is "and they speak" "$(talk yes)" YES
virsh destroy tiny

# ---- operations.md's element for a guest by vsock ----
sed -n '/^```xml/,/^```/p' /opt/qtfs/docs/operations.md | grep -v '^```' >"$SCRATCH/vsock.xml"
check "libvirt takes it" virsh attach-device tiny "$SCRATCH/vsock.xml" --config
is "as it is written" "$(virsh dumpxml --inactive tiny | grep -A1 '<vsock' | tr -d '\n' | tr -s ' ')" " <vsock model='virtio'> <cid auto='no' address='10'/>"
check "and back" virsh detach-device tiny "$SCRATCH/vsock.xml" --config

check "block 11, its end in any case" guide_execute 11
is "nothing of it is left" "$(emulators) $(virsh list --all --name)" "0 "
