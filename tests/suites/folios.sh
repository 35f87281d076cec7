#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# timeout: 180
# expect-log: connection lost|connected again
# What large folios must not change: only bytes that were written go to the server, and what others wrote beside them stays,
# whether it was written by write(2) or through a mapping; what is truncated is gone; links may break meanwhile.
. "$(dirname "$0")/lib.sh"

D=/srv/folios
M=/mnt/folios
MIB=1048576

written() { awk '$1 == "WRITE" { n += $4 } END { print n + 0 }' /proc/self/mountstats; }
cold() { echo 3 >/proc/sys/vm/drop_caches; }
cached() { cold; cat $M/data >/dev/null; }

# change HOW FILE: at every 64 KiB a byte, and in the middle 5,000 bytes over two pages, by write(2) or a mapping.
cat >"$SCRATCH/change.py" <<'PY'
import mmap, os, sys

how, path = sys.argv[1:3]
fd = os.open(path, os.O_RDWR)
size = os.fstat(fd).st_size
places = [(at, b"!") for at in range(100, size, 65536)] + [(size // 2 + 4000, b"?" * 5000)]
if how == "mmap":
    with mmap.mmap(fd, size) as m:
        for at, what in places:
            m[at:at + len(what)] = what
        if "unsynced" not in sys.argv:
            m.flush()
else:
    for at, what in places:
        os.pwrite(fd, what, at)
if "unsynced" not in sys.argv:
    os.fsync(fd)
os.close(fd)
PY
change() { python3 "$SCRATCH/change.py" "$@"; }

check "the server starts" start_server || exit
S "rm -rf $D && mkdir $D && head -c $((5 * MIB + 777)) /dev/urandom >$D/data && cp $D/data $D/model"
S -i "cat >/tmp/change.py" <"$SCRATCH/change.py"
check "mount" mount_qtfs $D $M || exit

# ---- reading ----
cold
before=$(requests READ)
is "all is read" "$(md5sum <$M/data)" "$(S "md5sum <$D/data")"
n=$(($(requests READ) - before))
check "by few requests: $n" [ $n -le 12 ]
is "a piece from the middle" "$(dd if=$M/data bs=4097 skip=500 count=9 status=none | md5sum)" \
	"$(S "dd if=$D/data bs=4097 skip=500 count=9 status=none | md5sum")"
is "behind the end of the file there is nothing" "$(tail -c 800 $M/data | md5sum)" "$(S "tail -c 800 $D/data | md5sum")"

# ---- writing ----
S "python3 /tmp/change.py write $D/model"
same() { # NAME
	is "$1" "$(S "md5sum <$D/data")" "$(S "md5sum <$D/model")"
	is "$1, and we see it" "$(md5sum <$M/data)" "$(S "md5sum <$D/model")"
}
cached
before=$(written)
check "bytes are written all over" change write $M/data
is "they alone go to the server" $(($(written) - before)) $((81 + 5000))
same "the server has them"

S "head -c $((5 * MIB + 777)) /dev/urandom >$D/data && cp $D/data $D/model && python3 /tmp/change.py write $D/model"
cached
before=$(written)
check "and by a mapping" change mmap $M/data
is "their pages alone go to the server" $(($(written) - before)) $((82 * 4096 + 777))
same "the server has them"

# ---- what others write beside it ----
beside() {
	check "mount again, by itself" mount_qtfs -o nconnect=2 $D ${M}2 || exit
	cat >"$SCRATCH/blocks.py" <<'PY'
import fcntl, os, sys
# Each of two writes every other page, again and again, under a lock of the page.
path, who, rounds = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
fd = os.open(path, os.O_RDWR)
for n in range(1, rounds + 1):
    for page in range(who, 64, 2):
        fcntl.lockf(fd, fcntl.LOCK_EX, 4096, page * 4096)
        had = os.pread(fd, 4096, page * 4096)
        if n > 1 and had != b"%d %d." % (who, n - 1) + had[len(b"%d %d." % (who, n - 1)):]:
            sys.exit("page %d, round %d: %r" % (page, n, had[:12]))
        os.pwrite(fd, (b"%d %d." % (who, n)).ljust(4096, b"."), page * 4096)
        fcntl.lockf(fd, fcntl.LOCK_UN, 4096, page * 4096)
os.close(fd)
PY
	cat $M/data >/dev/null
	cat ${M}2/data >/dev/null
	python3 "$SCRATCH/blocks.py" $M/data 0 4 >"$SCRATCH/first" 2>&1 &
	first=$!
	check "every other page is ours" python3 "$SCRATCH/blocks.py" ${M}2/data 1 4
	check "and every other one the other client's" wait $first
	is "and it says nothing" "$(cat "$SCRATCH/first")" ""
	is "no page is lost" "$(S "head -c $((64 * 4096)) $D/data | tr -d '.' | tr '\\0' . | md5sum")" \
		"$(for ((i = 0; i < 64; i++)); do printf '%s 4' $((i % 2)); done | md5sum)"
	check "umount the other" umount_qtfs ${M}2
}
if [ "$TRANS" = pcie ]; then
	echo "# skipped: a window has one client"
else
	beside
fi

# ---- truncating ----
for size in $((3 * MIB + 5)) $((3 * MIB)) 4096 10; do
	S "head -c $((4 * MIB)) /dev/urandom >$D/data"
	cached
	change write $M/data unsynced
	truncate -s $size $M/data
	truncate -s $((4 * MIB)) $M/data
	is "cut to $size and made longer: zeros" "$(tail -c +$((size + 1)) $M/data | tr -d '\0' | wc -c)" 0
	is "cut to $size, on the server" "$(S "md5sum <$D/data")" "$(md5sum <$M/data)"
done
S "head -c $((4 * MIB)) /dev/urandom >$D/data"
cached
change mmap $M/data unsynced
check "a hole" fallocate -p -o 70000 -l $((2 * MIB)) $M/data
is "nothing is in the hole" "$(tail -c +70001 $M/data | head -c $((2 * MIB)) | tr -d '\0' | wc -c)" 0
is "the same on the server" "$(S "md5sum <$D/data")" "$(md5sum <$M/data)"

# ---- with a link that breaks ----
head -c $((9 * MIB + 1)) /dev/urandom >"$SCRATCH/big"
for ((i = 0; i < 3; i++)); do
	dd if="$SCRATCH/big" of=$M/big bs=3M conv=fsync status=none &
	writer=$!
	wait_for 5 eval "[ -s $M/big ]"
	cut_off
	check "a writer doesn't hear of it" wait $writer
	cold
	cut_off
	check "nor a reader" cmp $M/big "$SCRATCH/big"
	is "and the server has it" "$(S "md5sum <$D/big")" "$(md5sum <"$SCRATCH/big")"
	rm $M/big
done
check "umount" umount_qtfs $M
