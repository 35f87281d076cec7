#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# timeout: 240
# The whitelist: what is listed works, what is not is refused and changes nothing, and no path or race gets around it.
. "$(dirname "$0")/lib.sh"

RACER=/usr/lib/qtfs/tests/racer
WL=/srv/wl
M=/mnt/wl

# in is allowed, inn and out are not; out has what must not be seen or touched.
lay_out() {
	S "
		set -e
		mkdir -p $WL && find $WL -mindepth 1 -delete && mkdir -p $WL/in/d $WL/inn/d $WL/out/d
		for d in in inn out; do
			echo SECRET >$WL/\$d/f; echo SECRET >$WL/\$d/canary; mkdir $WL/\$d/empty
			echo x >$WL/\$d/old; setfattr -n user.x -v 1 $WL/\$d/f
		done
		ln -s ../out/canary $WL/in/to-canary
		ln -s ../out $WL/in/to-out
		ln -s $WL/out $WL/in/to-out-absolute
		ln $WL/out/canary $WL/in/canary-hard
		ln -s ../in/f $WL/out/to-in
	"
}

census() { # of what is not allowed
	S "cd $WL && find inn out -printf '%p %y%m %n %U:%G %s %T@ %C@ %i %l\n' | sort; cat {inn,out}/{f,canary,old} 2>/dev/null
		getfattr -RPhd inn out 2>/dev/null; [ ! -e $WL/out/new ]"
}

refused() { # NAME CMD...; by EACCES or EPERM
	local name=$1
	shift
	if LC_ALL=C run_quietly "$@"; then
		not_ok "$name" "succeeded: $(head -n 3 "$SCRATCH/said")"
	elif grep -qE "Permission denied|Operation not permitted" "$SCRATCH/said"; then
		ok "$name"
	else
		not_ok "$name" "expected EACCES or EPERM, got: $(tail -n 3 "$SCRATCH/said" | tr '\n' ' ')"
	fi
}

# Each operation in a directory: SECTION NAME, and the command with @ for the directory.
OPERATIONS="
Open|cat @/f
Read|cat @/f
Write|dd if=/dev/zero of=@/f bs=1 count=1 conv=notrunc
Write|dd if=/dev/null of=@/canary
Readdir|ls -U @/d
Mkdir|mkdir @/new
Rmdir|rmdir @/empty
Create|dd if=/dev/null of=@/new conv=excl
Create|mkfifo @/new
Create|ln -s x @/new
Create|ln @/old @/new
Unlink|unlink @/old
Rename|mv -T @/old @/renamed
Setattr|chmod 700 @/f
Setattr|chown 5 @/f
Setattr|touch -cd 1999-01-01 @/f
Setattr|truncate -cs 0 @/f
Setxattr|setfattr -n user.x -v 2 @/f
Setxattr|setfattr -x user.x @/f
"
ALL="Open Read Write Readdir Mkdir Rmdir Create Unlink Rename Setattr Setxattr"

# Everything in $WL/in alone, but for what is said, and names and attributes everywhere. A running engine reads it.
whitelist_with() { # [SECTION=PATHS]...
	local section text="" path word
	for section in $ALL Mount; do
		path=$WL/in
		[ "$section" != Mount ] || path=$WL
		for word in "$@"; do
			[ "${word%%=*}" != "$section" ] || path=${word#*=}
		done
		[ -z "$path" ] || text+="[$section]"$'\n'"Path=$path"$'\n'
	done
	WHITELIST_WRITTEN=1
	S -i "mkdir -p ${WHITELIST%/*} && cat >$WHITELIST" <<<"$text" && reload_engine
}

check "lay out" lay_out || exit
whitelist_with
check "the server starts" start_server || exit
check "mount" mount_qtfs -o entry_timeout=0,attr_timeout=0,negative_timeout=0 $WL $M || exit

# ---- each operation: outside refused, inside done ----
before=$(census)
while IFS='|' read -r section command; do
	[ -n "$section" ] || continue
	refused "outside: $command" "${command//@/$M/out}"
	refused "beside (/in and /inn): $command" "${command//@/$M/inn}"
done <<<"$OPERATIONS"
is "nothing outside has changed" "$(census)" "$before"
while IFS='|' read -r section command; do
	[ -n "$section" ] || continue
	S "cd $WL/in && rm -rf new renamed && mkdir -p empty && touch old f canary && setfattr -n user.x -v 1 f"
	check "inside: $command" "${command//@/$M/in}"
done <<<"$OPERATIONS"

# ---- a section that is missing refuses ----
for missing in $ALL; do
	whitelist_with "$missing=" || not_ok "reload without [$missing]"
	while IFS='|' read -r section command; do
		[ "$section" = "$missing" ] || continue
		S "cd $WL/in && rm -rf new renamed && mkdir -p empty d && touch old f canary && setfattr -n user.x -v 1 f"
		refused "no [$missing]: $command" "${command//@/$M/in}"
	done <<<"$OPERATIONS"
done
whitelist_with

# ---- links and dots ----
check "lay out again" lay_out
before=$(census)
refused "a symlink to a file outside is not read" cat $M/in/to-canary
refused "a symlink to a file outside is not written" dd if=/dev/null of=$M/in/to-canary
refused "nothing is made through a symlink to a directory outside" touch $M/in/to-out/new
refused "nothing is listed through it" ls -U $M/in/to-out/
refused "nothing is removed through it" unlink $M/in/to-out/old
refused "nothing is renamed through it" mv -T $M/in/old $M/in/to-out/new
refused "mkdir through .." mkdir $M/in/../out/new
refused "cat through .." cat $M/in/d/../../out/canary
refused "rename out" mv -T $M/in/old $M/out/new
refused "rename in" mv -T $M/out/old $M/in/new
refused "rename out over a file" mv -fT $M/in/old $M/out/old
refused "rename in over a file" mv -fT $M/out/old $M/in/old
exchange() { python3 -c 'import ctypes,os,sys
l = ctypes.CDLL(None, use_errno=True)
if l.renameat2(-100, sys.argv[1].encode(), -100, sys.argv[2].encode(), 2):
	sys.exit(os.strerror(ctypes.get_errno()))' "$@"; }
refused "exchange in and out" exchange $M/in/old $M/out/old
refused "exchange out and in" exchange $M/out/old $M/in/old
check "exchange inside" exchange $M/in/old $M/in/f
refused "a link to a file outside can't be made" ln $M/out/old $M/in/new
refused "a link outside to a file inside can't be made" ln $M/in/old $M/out/new
check "a symlink may say anything" ln -s ../out/canary $M/in/new-symlink
refused "but leads nowhere" cat $M/in/new-symlink
is "nothing outside has changed by links" "$(census)" "$before"
check "a symlink from outside leads inside" cat $M/out/to-in

# ---- a refusal is an error, not an end of file or a write of nothing ----
whitelist_with
S "seq 1 200000 >$WL/in/data"
cat >"$SCRATCH/hold.py" <<-'PY'
	import os, sys, errno
	def attempt(f):
	    try: return "ok %r" % (f(),)
	    except OSError as e: return errno.errorcode[e.errno]
	path = sys.argv[1]
	r = os.open(path, os.O_RDONLY); w = os.open(path, os.O_RDWR); d = os.open(os.path.dirname(path), os.O_RDONLY)
	print(attempt(lambda: os.pread(r, 5, 0)), attempt(lambda: os.pwrite(w, b"1", 0)), flush=True)
	os.fsync(w)
	for line in sys.stdin:
	    # What this machine has read before it may keep; it is asked for what it has not.
	    os.posix_fadvise(r, 0, 0, os.POSIX_FADV_DONTNEED)
	    def write():
	        n = os.pwrite(w, b"2", 2)
	        os.fsync(w)
	        return n
	    print(attempt(lambda: os.pread(r, 5, 0)), attempt(write), attempt(lambda: os.ftruncate(w, 3)),
	        attempt(lambda: len(os.listdir(d)) > 0), flush=True)
PY
coproc HOLD { python3 "$SCRATCH/hold.py" $M/in/data; }
read -r line <&"${HOLD[0]}"
is "an open file is read and written" "$line" "ok b'1\\n2\\n3' ok 1"
check "reload revokes" whitelist_with Read= Write= Setattr= Readdir=
echo go >&"${HOLD[1]}"
read -r line <&"${HOLD[0]}"
is "what is open already is refused after that: read, write, truncate, list" "$line" "EACCES EACCES EACCES EACCES"
is "and nothing is written" "$(S "head -c 6 $WL/in/data | tr '\n' .")" 1.2.3.
check "reload grants again" whitelist_with
echo go >&"${HOLD[1]}"
read -r line <&"${HOLD[0]}"
is "and then it works again" "$line" "ok b'1\\n2\\n3' ok 1 ok None ok True"
eval "exec ${HOLD[1]}>&-"
wait "$HOLD_PID"

# ---- mounting ----
S "mkdir -p '$WL/in/..a' $WL/inx && mkdir -p /srv/wl-outside"
whitelist_with "Mount=$WL/in"
for path in $WL/out /srv/wl-outside /etc / $WL $WL/inx "$WL/in/..a/../../out" "$WL/in/..a/../../../../etc" \
	"$WL/in/../out" "$WL/in/to-out" "$WL/in/to-out-absolute" "$WL/in/d/../../.."; do
	mount_qtfs "$path" /mnt/refused >"$SCRATCH/said" 2>&1
	status=$?
	is "mount of $path is refused" "$status" 32
done
check "mount of what is listed" mount_qtfs $WL/in /mnt/granted
check "mount of what lies below" mount_qtfs "$WL/in/..a" /mnt/granted2
umount_qtfs /mnt/granted2
umount_qtfs /mnt/granted
whitelist_with Mount=
mount_qtfs $WL/in /mnt/refused >"$SCRATCH/said" 2>&1
is "without [Mount] nothing is mounted" $? 32
refused "and nothing of what is mounted is seen" stat $M/in/f
whitelist_with

# ---- mistakes in the file ----
stop_engine
wrong() { # NAME LINE TEXT
	S -i "cat >/run/qtfs/wrong" <<<"$3"
	S "timeout 10 qtfs-engine --whitelist /run/qtfs/wrong" >"$SCRATCH/said" 2>&1
	local status=$?
	if [ $status = 1 ] && grep -q "/run/qtfs/wrong:$2: " "$SCRATCH/said"; then
		ok "$1: refused, line $2 is named"
	else
		not_ok "$1" "status $status, said: $(head -n 3 "$SCRATCH/said" | tr '\n' ' ')"
	fi
}
wrong "an unknown section" 2 $'\n[Nonsense]\nPath=/'
wrong "an unknown key" 2 $'[Open]\nPatch=/srv'
wrong "a path before any section" 1 $'Path=/srv'
wrong "a section without an end" 3 $'[Open]\nPath=/srv\n[Read\nPath=/srv'
wrong "a line that is no key" 2 $'[Open]\nsomething'
wrong "a relative path" 2 $'[Open]\nPath=srv'
wrong "a path with .." 2 $'[Open]\nPath=/srv/../etc'
start_engine || not_ok "the engine starts again"
S -i "cat >$WHITELIST" <<<$'[Open]\nPatch=/srv'
S "kill -HUP \$(pidof qtfs-engine)"
check "a mistake at reload is logged with its line" wait_for 10 S "grep -q '$WHITELIST:2: ' /run/qtfs/engine.log"
check "and the old list stays" cat $M/in/f
whitelist_with

# ---- races: names inside become symlinks to what is outside, all the time ----
[ -x $RACER ] || { not_ok "racer is installed"; exit; }
[ "$RIG_GUESTS" = 1 ] || S -i "mkdir -p ${RACER%/*} && cat >$RACER && chmod 755 $RACER" <$RACER
lay_out
S "
	cd $WL && mkdir in/a && echo fine >in/a/canary && echo fine >in/f && chmod 666 in/f in/a/canary && rm out/f
	ln -s ../out in/swap && ln -s ../out/canary in/swapf && echo SECRET >out/SECRET-NAME && chmod 777 out
"
before=$(census)
S "cd $WL/in && { $RACER swap a swap 8 & $RACER swap f swapf 8 & wait; }" >"$SCRATCH/swaps" 2>&1 &
check "races: nothing secret is read or listed" $RACER hit $M/in 7
cp "$SCRATCH/said" "$SCRATCH/hits"
echo "# $(cat "$SCRATCH/hits")"
wait $!
echo "# $(tr '\n' ' ' <"$SCRATCH/swaps")"
check "races: there was one" "grep -qE 'swaps [0-9]{2,}' '$SCRATCH/swaps' &&
	grep -qE 'done [1-9].* refused [1-9]' '$SCRATCH/hits'"
is "races: nothing outside has changed" "$(census)" "$before"
