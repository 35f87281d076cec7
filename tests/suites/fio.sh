#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# long
# timeout: 1800
# 16 jobs of random reads and writes of 4 KiB to 4 MiB with checksums (fio), in a memory cgroup that holds much less than
# their files (144 MB, of which 80 are the jobs' own buffers, for 256): no error, no hang. SIZE is that of each file.
. "$(dirname "$0")/lib.sh"

D=/srv/fio
M=/mnt/fio
GROUP=/sys/fs/cgroup/fio
: "${SIZE:=16m}" "${MEMORY:=144m}"

# In the group from its first page on.
limited() { # CMD...
	bash -c "echo \$\$ >$GROUP/cgroup.procs && exec \"\$@\"" limited "$@"
}

check "the server starts" start_server || exit
S "rm -rf $D && mkdir $D"
check "mount" mount_qtfs $D $M || exit
echo +memory >/sys/fs/cgroup/cgroup.subtree_control
mkdir -p $GROUP
echo "$MEMORY" >$GROUP/memory.max || { not_ok "memory can be limited"; exit; }

cat >"$SCRATCH/jobs" <<END
[global]
directory=$M
size=$SIZE
rw=randrw
bsrange=4k-4m
verify=crc32c
verify_fatal=1
do_verify=1
thread=1
group_reporting=1
fallocate=none
randseed=${SEED:-1}

[cached]
numjobs=8
ioengine=psync
fsync_on_close=1

[mapped]
numjobs=4
ioengine=mmap

[direct]
numjobs=4
ioengine=libaio
iodepth=2
direct=1
END
with_timeout 1500 limited fio --output="$SCRATCH/said" "$SCRATCH/jobs"
is "16 jobs, and each byte as it was written" $? 0 || tail -n 30 "$SCRATCH/said" | sed 's/^/# /'
grep -E 'READ:|WRITE:' "$SCRATCH/said" | sed 's/^/#/'
echo "# memory: limit hit $(awk '$1 == "max" { print $2 }' $GROUP/memory.events) times, killed $(awk '$1 == "oom_kill" { print $2 }' $GROUP/memory.events)"
is "none was killed" "$(awk '$1 == "oom_kill" { print $2 }' $GROUP/memory.events)" 0
check "the limit was hit" "[ $(awk '$1 == "max" { print $2 }' $GROUP/memory.events) -gt 0 ]"
rmdir $GROUP
