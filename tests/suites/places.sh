#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# timeout: 120
# What comes and goes by mounts of the server is seen within a second at the names where that is, and costs no other name a request.
. "$(dirname "$0")/lib.sh"

M=/mnt/host
W=/srv/places
D=$M$W
NAMES=40

text() { cat "$D/$1" 2>&1; }
shows() { [ "$(text "$1")" = "$2" ]; }
tmpfs() { # DIR TEXT: a file system with a file, on the server
	echo "mount -t tmpfs places $W/$1 && echo '$2' >$W/$1/file"
}
look() { find $D -ls >/dev/null; }

S "mkdir -p $W/{own,other,twin,from,to,low} $W/names/dir && echo under | tee $W/own/file $W/to/file $W/low/file >$W/one
	cd $W/names && touch $(seq -s ' ' $NAMES) && cd dir && touch $(seq -s ' ' $NAMES)"
check "the server starts" start_server || exit
check "mount of /" mount_qtfs / $M $LASTING || exit

# ---- what is mounted ----
look
check "a directory is covered" S "$(tmpfs own first)"
check "what covers it is seen" wait_for 1 shows own/file first
check "by another file system, all at once" S "umount -l $W/own && $(tmpfs own second)"
check "which is seen, too" wait_for 1 shows own/file second
check "it is covered again" S "$(tmpfs own third)"
check "by what is on top" wait_for 1 shows own/file third
check "that goes" S "umount -l $W/own"
check "and the one below is seen" wait_for 1 shows own/file second
check "all goes" S "umount -l $W/own"
check "and what was covered is seen" wait_for 1 shows own/file under

check "a file is covered by another" S "echo over >$W/from/file && mount --bind $W/from/file $W/one"
check "which is seen" wait_for 1 shows one over
check "until it goes" S "umount -l $W/one"
check "then it is the old one" wait_for 1 shows one under

S "$(tmpfs own moved)"
check "a mount that is to move" wait_for 1 shows own/file moved
S "mount --make-private / && mount --move $W/own $W/to"
check "is where it has gone" wait_for 1 shows to/file moved
check "and not where it was" wait_for 1 shows own/file under
S "umount -l $W/to"
check "until it goes from there" wait_for 1 shows to/file under

# What has been unused for ten seconds the server doesn't hold, as a mount shows that was last used just after.
S "$(tmpfs other outer) && mkdir $W/other/in && echo inner >$W/other/in/file && $(tmpfs twin later)"
check "a mount that is looked at" wait_for 1 shows other/in/file inner
check "and another one" wait_for 1 shows twin/file later
check "are let go" wait_for 25 S "umount $W/twin"
S "mount -t tmpfs places $W/other/in && echo over >$W/other/in/file"
check "what covers a directory in it is seen" wait_for 1 shows other/in/file over
S "umount -l $W/other/in"
check "and what it had covered" wait_for 1 shows other/in/file inner

# ---- what isn't concerned ----
look
stat $D/names/* $D/names/dir/* >/dev/null
before=$(requests requests)
S "$(tmpfs low counted)"
check "one more" wait_for 1 shows low/file counted
asked=$(($(requests requests) - before))
check "other names cost nothing" "stat $D/names/* $D/names/dir/* >/dev/null"
is "not one request" $(($(requests requests) - before - asked)) 0
echo "   ($asked requests for what was mounted)"
S "umount -l $W/low $W/other && rm -rf $W"
