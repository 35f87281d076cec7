#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# timeout: 500
# What an operation costs in requests, counted by the client itself.
. "$(dirname "$0")/lib.sh"

D=/srv/requests
M=/mnt/requests
FILES=2500

check "the server starts" start_server || exit
S "rm -rf $D && mkdir -p $D/{big,long,plain,tree,deep/a/b/c/d,small,new,denied,search} && cd $D &&
	seq -f 'big/file-%05g' $FILES | xargs touch && seq -f 'plain/%g' $FILES | xargs touch &&
	seq -f 'long/$(printf 'x%.0s' {1..200})-%05g' 1200 | xargs touch &&
	for i in {1..40}; do mkdir tree/\$i && seq -f \"tree/\$i/%g\" 50 | xargs touch; done &&
	for i in {1..10}; do echo content \$i >small/\$i; done && touch deep/a/b/c/d/file denied/x search/x &&
	chmod 744 search && ln -s small/1 link && head -c 200000 /dev/zero >small/large"
check "mount" mount_qtfs -o $LASTING $D $M || exit

forget_all() {
	sync
	echo 2 >/proc/sys/vm/drop_caches
	echo 3 >/proc/sys/vm/drop_caches
}

# ---- directories ----
S "setfattr -n user.a -v 1 $D/tree/1/2 && setfacl -m u:77:r $D/tree/1/3 && setfacl -d -m u:77:rx $D/tree/2"
same_as_server() { # NAME DIR
	is "$1" "$(cd "$M/$2" && find . -printf '%P %y %m %n %s %T@ %i\n' | sort | md5sum)" \
		"$(S "cd $D/$2 && find . -printf '%P %y %m %n %s %T@ %i\n' | sort | md5sum")"
}
forget_all
costs "ls -l of $FILES files, cold" 6 ls -l $M/big
is "and it shows them all" "$(grep -c file- "$SCRATCH/out")" $FILES
costs "ls -l of $FILES files, again" 5 ls -l $M/big
costs "ls -l of 1200 long names, cold" 9 ls -l $M/long
costs "a walk of 40 directories with 2000 files, with their attributes" 125 find $M/tree -newermt 2000-01-01 -size -1 -printf x
costs "the same, again, but for statfs" 1 find $M/tree -newermt 2000-01-01 -size -1 -printf x
forget_all
costs "find -type f, cold" 84 find $M/tree -type f
same_as_server "what a listing told is true" big
same_as_server "of a tree as well" tree
is "extended attributes and ACLs are told" "$(cd $M/tree && getfattr -Rd -m - . | sort; getfacl -Rs . | sort)" \
	"$(S "cd $D/tree && getfattr -Rd -m - . | sort; getfacl -Rs . | sort")"
S "setfattr -n user.b -v 2 $D/tree/1/7"
check "one that comes later as well" wait_for 2 getfattr -n user.b $M/tree/1/7
setfattr -n user.c -v 3 $M/tree/1/8
is "and one of our own" "$(getfattr --only-values -n user.c $M/tree/1/8)" 3
forget_all
for _ in {1..12}; do
	ls -f $M/plain >/dev/null
	forget_all
done
costs "a listing of names alone" 4 ls -f $M/plain
is "and it shows them all" "$(wc -l <"$SCRATCH/out")" $((FILES + 2))
check "for which the server pins nothing" '[ "$(nodes)" -lt 1000 ]'

# ---- who may not search, and what the policy hides ----
setpriv --reuid 1000 --clear-groups ls $M/search >"$SCRATCH/out" 2>&1
is "a directory that may be read but not searched is listed" "$(cat "$SCRATCH/out")" x
fails_with "but not searched" EACCES setpriv --reuid 1000 --clear-groups stat $M/search/x
check "root does both" stat $M/search/x

# ---- a listing while others change the directory ----
S "cd $D/big && for i in {1..300}; do mv file-00\$((100 + i)) moved-\$i; done" &
for _ in {1..5}; do
	ls -l $M/big >/dev/null 2>&1
done
wait
sees_all() { [ "$(find $M/big -printf '%f %i\n' | sort | md5sum)" = "$(S "find $D/big -printf '%f %i\n' | sort | md5sum")" ]; }
check "what changed meanwhile is seen" wait_for 2 sees_all

# ---- names one by one, without a listing ----
forget_all
one_by_one() { stat "$M/tree/$1/"{1..50}; }
costs "stat of 50 files, one by one, cold" 20 one_by_one 5
same_as_server "what is known of them is true" tree/5
S "chmod 1755 $D/tree/6 && touch -a -d 2001-01-01 $D/tree/6"
forget_all
one_by_one 6 >/dev/null
is "the directory's time of access is as before" "$(S "stat -c %x $D/tree/6")" "$(S "touch -a -d 2001-01-01 /tmp/x && stat -c %x /tmp/x")"
as_user() { setpriv --reuid 1000 --clear-groups bash -c "stat $M/tree/7/{1..50}"; }
forget_all
costs "somebody else, who can't leave that alone, asks for each" 60 as_user

# ---- small files ----
forget_all
stat $M >/dev/null
costs "open, read and close a small file, cold" 2 cat $M/small/1	# and its directory's name
costs "another one" 1 cat $M/small/2
is "with what is in it" "$(cat "$SCRATCH/out")" "content 2"
costs "again" 0 cat $M/small/2
costs "what isn't there" 1 bash -c "! cat $M/small/none"
costs "nor now" 0 bash -c "! cat $M/small/none"
costs "a large file" 3 dd if=$M/small/large of=/dev/null bs=1M
touch $M/new/0
costs "create" 1 bash -c ">$M/new/1"
costs "create and write" 2 bash -c "echo x >$M/new/2"
# OPEN, a WRITE that syncs, RELEASE.
costs "write and fsync" 3 dd if=/dev/zero of=$M/new/2 bs=4k count=1 conv=notrunc,fsync
is "with what was written" "$(S "stat -c %s $D/new/2")" 4096
costs "write and fdatasync" 3 dd if=/dev/zero of=$M/new/2 bs=4k count=1 conv=notrunc,fdatasync
(cd $M/new && seq -f r%g 60 | xargs touch)
# UNLINK each, and their nodes are given back together.
costs "remove 60 files" 100 bash -c "cd $M/new && rm r*"
is "which are gone" "$(S "ls $D/new | grep -c ^r")" 0
# Nobody looks up the new name; whoever had it is told by the reply.
S "cd $D/small && echo victim >victim && ln victim also && ln victim third"
rename() { perl -e 'rename($ARGV[0], $ARGV[1]) or die "$!\n"' "$@"; }
touch $M/new/{3,4,5}
stat $M/small $M/small/third >/dev/null
costs "rename to a name that is not known here" 1 rename $M/new/3 $M/new/3.new
costs "rename to one that is known not to be there" 1 rename $M/new/3.new $M/new/3
exec 5<$M/small/third
is "a file of three names" "$(stat -Lc %h /dev/fd/5)" 3
costs "rename over one of them, not known here" 1 rename $M/new/4 $M/small/victim
is "has two, at once" "$(stat -Lc %h /dev/fd/5)" 2
fails_with "rename over a directory not known here" EISDIR rename $M/new/5 $M/plain
inotifywait -q -t 10 -e attrib $M/small/third >"$SCRATCH/told" 2>&1 &
wait_for 5 grep -qs inotify /proc/$!/fdinfo/3
rename $M/new/5 $M/small/also
wait $!
is "who watches it hears of the loss of the other" "$(cut -d' ' -f2 "$SCRATCH/told")" ATTRIB
is "and it has one" "$(stat -Lc %h /dev/fd/5)" 1
exec 5<&-
costs "the first stat of a deep path" 6 stat $M/deep/a/b/c/d/file
costs "and the second" 0 stat $M/deep/a/b/c/d/file
S "echo changed >$D/small/2"
changed() { [ "$(cat $M/small/2)" = changed ]; }
check "what changes on the server is seen" wait_for 2 changed
cat $M/link >/dev/null
costs "through a symbolic link" 1 cat $M/link
is "a directory's times and links change with what is made in it" "$(mkdir $M/new/d && stat -c '%h %y' $M/new)" \
	"$(S "stat -c '%h %y' $D/new")"
mkdir /tmp/tarred && (cd /tmp/tarred && for i in {1..20}; do echo "file $i" >"f$i"; done && tar cf /tmp/tarred.tar f*)
# CREATE, WRITE, and one each for tar's chown, chmod and utime.
costs "untar 20 files" 104 tar xf /tmp/tarred.tar -C $M/new
