#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# timeout: 120
# guests: 1
# O_DIRECT: many at a time by libaio's interface, memory of any shape, with checksums and without, callers who are killed.
. "$(dirname "$0")/lib.sh"

D=/srv/direct
M=/mnt/direct
IO=/usr/lib/qtfs/tests/directio
FAULT=/sys/kernel/debug/qtfs/fault
FIFO=$SCRATCH/fifo

check "the server starts" start_server || exit
S "rm -rf $D && mkdir -p $D"
mkfifo "$FIFO"

in_flight() { cat /sys/kernel/debug/qtfs/*/ops | grep -c " $1 "; }
are_in_flight() { [ "$(in_flight "$1")" = "$2" ]; }

faults() { [ -e $FAULT ]; }
left_out() { echo "# left out, as no faults can be injected in this build: $1"; }

# Nothing of this kind reaches the server until release.
hold() { echo "tx_drop op=$1" >$FAULT; }
release() { echo clear >$FAULT; }

submitted() { read -r line <"$FIFO" && [ "$line" = submitted ]; }

# Sixteen are under way while the program does something else, and all are done in the end.
at_once() { # read|write OPERATION
	local job
	! faults || hold "$2"
	with_timeout 60 $IO $M/file "$1" 16 65536 "$FIFO" >"$SCRATCH/aio" 2>&1 &
	job=$!
	check "asynchronous $1: all are submitted before any is done" with_timeout 20 submitted
	if faults; then
		check "and all sixteen are under way" wait_for 10 are_in_flight "$2" 16
	else
		left_out "all sixteen are under way"
	fi
	echo >"$FIFO"
	! faults || release
	wait $job
	is "and done" "$?: $(cat "$SCRATCH/aio")" "0: "
}

# Who is killed leaves; what it asked for harms nobody.
killed_reader() {
	local job
	faults || { left_out "who is killed"; return; }
	hold READ
	dd if=$M/file of=/dev/null bs=1M count=1 iflag=direct 2>/dev/null &
	job=$!
	check "a reader waits" wait_for 10 are_in_flight READ 1
	kill -KILL $job
	check "is killed" wait_for 10 eval '! kill -0 $job'
	release
	check "and its request ends" wait_for 10 are_in_flight READ 0
}

# Nobody truncates under what is being written.
truncated_writer() {
	local job truncate
	faults || { left_out "who truncates"; return; }
	S "$IO $D/file write 16 65536"
	hold WRITE
	with_timeout 60 $IO $M/file write 16 65536 "$FIFO" &
	job=$!
	check "a writer waits" with_timeout 20 submitted
	truncate -s 0 $M/file &
	truncate=$!
	check "its writes are under way" wait_for 10 are_in_flight WRITE 16
	is "nothing is truncated meanwhile" "$(S "stat -c %s $D/file")" 1048576
	echo >"$FIFO"
	release
	check "they are done" wait $job
	check "then it is truncated" wait $truncate
	is "to nothing" "$(S "stat -c %s $D/file")" 0
}

for sum in crc nocrc; do
	echo "# $sum"
	check "mount" mount_qtfs -o $sum,timeo=1000 $D $M || exit
	S "head -c 1M /dev/zero >$D/file"
	at_once write WRITE
	check "the server has it" S "$IO $D/file read 16 65536"
	at_once read READ
	check "the page cache is told" with_timeout 20 bash -c "cmp $M/file $D/file"
	check "vectors of any shape" with_timeout 20 $IO $M/file vectors
	check "as on the server" with_timeout 20 cmp $M/file $D/file
	check "again in place" with_timeout 20 $IO $M/file write 16 65536
	check "a buffer larger than the file, and than a window" with_timeout 30 $IO $M/file beyond 1048576
	check "memory that isn't there" with_timeout 20 $IO $M/file fault

	# What was cached is not read again after it was written over.
	cat $M/file >/dev/null
	check "write over what is cached" with_timeout 20 $IO $M/file vectors
	check "the cache is dropped" cmp $M/file $D/file
	killed_reader
	truncated_writer
	check "umount" umount_qtfs $M
done
