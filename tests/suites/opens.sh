#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# timeout: 180
# What was open and is closed may be opened again without a request, and a directory that was read be read again: as long
# as nothing has changed, for who may, where the policy allows it, and without holding what others want back.
. "$(dirname "$0")/lib.sh"

D=/srv/opens
M=/mnt/opens
MINE=(setpriv --reuid 1000 --regid 1000 --clear-groups)

check "the server starts" start_server || exit
S "rm -rf $D && mkdir -p $D/{dir/sub,moved,denied,tmp} && cd $D && echo one >file && echo two >other && echo x >private &&
	chmod 600 private && echo x >shared && ln file hard && echo x >dir/sub/file && touch dir/{a,b,c} && echo old >replaced &&
	mount -t tmpfs -o size=32m opens $D/tmp && head -c 8M /dev/zero >tmp/large && cp tmp/large tmp/own && echo x >locked"
check "mount" mount_qtfs -o $LASTING $D $M || exit
opens() { S "awk '{ n += \$1 } END { print n }' /sys/fs/qtfs_server/*/opens"; }

# ---- files ----
cat $M/file >/dev/null
costs "a file that was open is opened again" 0 cat $M/file
is "and has what is in it" "$(cat "$SCRATCH/out")" one
costs "and again" 0 cat $M/file
costs "by another name it is opened anew" 2 cat $M/hard
cat $M/private $M/shared >/dev/null
fails_with "who may not is refused what others had open" EACCES "${MINE[@]}" cat $M/private
before=$(requests OPEN)
check "another user may" "${MINE[@]}" cat $M/shared
is "by an open of his own" $(($(requests OPEN) - before)) 1
S "chmod 600 $D/shared"
refuses() { ! "${MINE[@]}" cat $M/shared; }
check "until it is forbidden" wait_for 2 refuses
exec 5<$M/file
before=$(requests OPEN)
exec 6<$M/file
is "two at a time are two" $(($(requests OPEN) - before)) 1
read -r first <&5
read -r second <&6
is "with a position each" "$first $second" "one one"
exec 5<&- 6<&-

# ---- changes ----
cat $M/file $M/replaced >/dev/null
S "echo three >$D/file"
sees() { [ "$(cat "$1")" = "$2" ]; }
check "a change on the server is seen" wait_for 2 sees $M/file three
S "echo new >$D/new && mv $D/new $D/replaced"
check "another file of the name as well" wait_for 2 sees $M/replaced new
cat $M/file >/dev/null
echo four >$M/file
is "and one's own" "$(cat $M/file)" four
cat $M/other >/dev/null
S "rm $D/other"
gone() { ! cat $M/other; }
check "what is removed on the server isn't opened" wait_for 2 gone
fails_with "it is gone" ENOENT cat $M/other

# ---- what others want back ----
used() { S "df --output=used -m $D/tmp | tail -1 | tr -d ' '"; }
frees() { [ "$(used)" -le "$1" ]; }
cat $M/tmp/large $M/tmp/own >/dev/null
is "two large files" "$(used)" 16
S "rm $D/tmp/large"
check "the space of one that the server removes is free" wait_for 2 frees 8
rm $M/tmp/own
check "and of one that we remove" wait_for 2 frees 0
head -c 4M /dev/zero >$M/tmp/old
cat $M/tmp/old >/dev/null
: >$M/tmp/fresh
mv $M/tmp/fresh $M/tmp/old
check "and of one that we replace" wait_for 2 frees 0
(
	flock -s 9
	cat <&9 >/dev/null
) 9<$M/locked
check "a lock goes with its file" S "flock -xn $D/locked true"
cat $M/file >/dev/null
ls $M/dir >/dev/null
check "in the end nothing is held" wait_for 15 eval '[ "$(opens)" = 0 ]'

# ---- the policy ----
cat $M/shared $M/dir/sub/file >/dev/null
whitelist "Open=$D/dir;$D/moved"
check "another policy" reload_engine
forbidden() { LC_ALL=C head -c 1 "$1" 2>&1 | grep -q denied; }
check "holds for what was open" wait_for 2 forbidden $M/shared
check "and what it allows is opened" cat $M/dir/sub/file
mv $M/dir/sub $M/moved/sub
check "renamed to where it may be opened" cat $M/moved/sub/file
mv $M/moved/sub $M/denied/sub
fails_with "and to where it may not" EACCES cat $M/denied/sub/file
mv $M/denied/sub $M/dir/sub
cat $M/dir/sub/file >/dev/null
S "mv $D/dir/sub $D/denied/sub"
check "likewise by the server" wait_for 2 forbidden $M/denied/sub/file
whitelist
check "the policy of before" reload_engine
check "allows it again" wait_for 2 cat $M/denied/sub/file

# ---- directories ----
S "rm -rf $D/dir && mkdir -p $D/dir/sub && touch $D/dir/{a,b,c}"
names() { find "$1" -mindepth 1 -maxdepth 1 -printf '%f\n' | sort | tr '\n' ' '; }
lists() { [ "$(names $M/dir)" = "$1" ]; }
check "a directory is listed" wait_for 2 lists "a b c sub "
costs "and again without a request" 0 ls $M/dir
touch $M/dir/own
is "with what one makes" "$(names $M/dir)" "a b c own sub "
rm $M/dir/own
is "without what one removes" "$(names $M/dir)" "a b c sub "
mv $M/dir/a $M/dir/z
is "as one renames it" "$(names $M/dir)" "b c sub z "
S "touch $D/dir/theirs"
check "with what the server makes" wait_for 2 lists "b c sub theirs z "
S "rm $D/dir/theirs && rmdir $D/dir/sub"
check "without what it removes" wait_for 2 lists "b c z "
is "read by halves" "$(python3 - $M/dir <<'PY'
import ctypes, sys
libc = ctypes.CDLL(None, use_errno=True)
libc.opendir.restype = libc.readdir.restype = ctypes.c_void_p
libc.telldir.restype = ctypes.c_long
for f, args in ((libc.readdir, 1), (libc.telldir, 1)):
    f.argtypes = [ctypes.c_void_p]
libc.seekdir.argtypes = [ctypes.c_void_p, ctypes.c_long]
d = libc.opendir(sys.argv[1].encode())
name = lambda e: ctypes.string_at(e + 19).decode()
first = [name(libc.readdir(d)) for _ in range(2)]
place = libc.telldir(d)
rest = []
while e := libc.readdir(d):
    rest.append(name(e))
libc.seekdir(d, place)
again = []
while e := libc.readdir(d):
    again.append(name(e))
print(len(first) + len(rest), rest == again)
PY
)" "5 True"

# Small ones come along with opendir(3), and are what they are when they are read.
by_hand() { # COMMAND, between opendir(3) and readdir(3) of $M/dir
	python3 - $M/dir "$1" <<'PY'
import ctypes, subprocess, sys
libc = ctypes.CDLL(None)
libc.opendir.restype = libc.readdir.restype = ctypes.c_void_p
libc.readdir.argtypes = [ctypes.c_void_p]
d = libc.opendir(sys.argv[1].encode())
subprocess.run(sys.argv[2], shell=True, check=True)
names = []
while e := libc.readdir(d):
    names.append(ctypes.string_at(e + 19).decode())
print(*sorted(n for n in names if n not in (".", "..")))
PY
}
umount_qtfs $M && mount_qtfs -o $LASTING $D $M
stat $M/dir >/dev/null
costs "a directory is read by one request" 1 ls $M/dir
is "and all of it is there" "$(tr '\n' ' ' <"$SCRATCH/out")" "b c z "
touch $M/dir/changed
is "what is made after opendir is read" "$(by_hand "touch $M/dir/late")" "b c changed late z"
rm $M/dir/late
is "what is removed after it isn't" "$(by_hand "rm $M/dir/changed")" "b c z"
S "touch $D/dir/theirs"
wait_for 2 lists "b c theirs z "
touch $M/dir/late
S "rm $D/dir/theirs"
wait_for 2 lists "b c late z "
rm $M/dir/late
touch $M/dir/x && rm $M/dir/x
before=$(requests OPEN)
exec 5<$M/dir
is "who wants the descriptor gets that alone" $(($(requests OPEN) - before)) 1
exec 5<&-
if S "[ -e /sys/kernel/debug/qtfs_server/fault ]"; then
	touch $M/dir/x && rm $M/dir/x
	S "echo exec_then_drop_reply op=OPEN_DIR count=1 >/sys/kernel/debug/qtfs_server/fault"
	is "if the reply gets lost, it is read afterwards" "$(names $M/dir)" "b c z "
	S "echo clear >/sys/kernel/debug/qtfs_server/fault"
fi

fails_with "one that is not for all is not shown to all" EACCES bash -c "chmod 700 $M/dir && ls $M/dir >/dev/null && ${MINE[*]} ls $M/dir"
rm -rf $M/dir
fails_with "one that is gone isn't listed" ENOENT ls $M/dir

# ---- where nothing is to be believed ----
check "cache=strict" mount -o remount,cache=strict $M
cat $M/file >/dev/null
before=$(requests OPEN)
cat $M/file >/dev/null
is "asks at each open" $(($(requests OPEN) - before)) 1
check "umount" umount_qtfs $M
check "and the server's" S umount $D/tmp
