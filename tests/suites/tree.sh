#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# long
# timeout: 900
# Whole trees by cp, tar and rsync; git; make.
. "$(dirname "$0")/lib.sh"

D=/srv/tree
M=/mnt/tree
# The kernel's headers with their configuration (tens of thousands of files and links), and those of C.
SOURCES=(/usr/src /usr/include)

check "the server starts" start_server || exit
S "rm -rf $D && mkdir $D"
check "mount" mount_qtfs $D $M || exit

# A tree with what trees may have: the headers, and a few oddities.
mkdir "$SCRATCH/source" && cp -a "${SOURCES[@]}" "$SCRATCH/source" || exit
(
	cd "$SCRATCH/source" && mkdir odd && cd odd || exit
	ln ../include/stdio.h hard && ln hard hard2 && ln -s ../include/stdio.h soft && ln -s /none/at/all dangling && ln -s . loop
	mkfifo fifo && mknod null c 1 3 && mkdir -m 1777 sticky && mkdir empty && : >nothing
	touch -d '1970-01-02 00:00:00.123456789' old && touch -d 2200-01-01 future && chmod 4751 old && chown 1000:2000 future
	truncate -s 3000000 hole && echo end >>hole && echo x >'name with
newline and space ' && echo x >$'\xe4\xf6\xfc' && echo x >--
	dd if=/dev/urandom of=random bs=1M count=5 status=none
)
echo "# $(find "$SCRATCH/source" | wc -l) files, $(du -sh "$SCRATCH/source" | cut -f 1)"

same() { # NAME A B
	check "$1: diff" diff -r --no-dereference "$2" "$3" --exclude=fifo --exclude=null
	is "$1: rsync there" "$(rsync -nacHX --itemize-changes --delete "$2/" "$3/" 2>&1)" ""
	is "$1: rsync back" "$(rsync -nacHX --itemize-changes --delete "$3/" "$2/" 2>&1)" ""
}
manifest='find . -printf "%P|%y%m|%n|%U:%G|%T@|%l|" \( -type f -printf %s -o -true \) -printf "\n" | LC_ALL=C sort | sed "1d"
	find . -type f -print0 | LC_ALL=C sort -z | xargs -0 md5sum'

time_of() { # NAME CMD...
	local start=$EPOCHREALTIME name=$1
	shift
	check "$name" "$@"
	echo "# $name: $(((${EPOCHREALTIME/./} - ${start/./}) / 1000)) ms"
}

time_of "cp -a" cp -a "$SCRATCH/source" $M/cp
same "cp -a" "$SCRATCH/source" $M/cp
# Directories' sizes depend on how they came about.
is "cp -a: the server has the same" "$(S "cd $D/cp && $manifest" | md5sum)" "$(cd "$SCRATCH/source" && eval "$manifest" | md5sum)"
time_of "tar" "tar -C '$SCRATCH/source' --xattrs -cf - . | (mkdir $M/tar && tar -C $M/tar --xattrs --xattrs-include='*' -xpf -)"
same "tar" "$SCRATCH/source" $M/tar
is "tar: the server has the same" "$(S "cd $D/tar && $manifest" | md5sum)" "$(cd "$SCRATCH/source" && eval "$manifest" | md5sum)"
rm -rf "$SCRATCH/source/src" $M/tar/src # from here on the number of files is not the point any more
check "tar out of the mount" "tar -C $M/tar -cf - . | (mkdir '$SCRATCH/back' && tar -C '$SCRATCH/back' -xpf -)"
check "is the same again" diff -r --no-dereference "$SCRATCH/source" "$SCRATCH/back" --exclude=fifo --exclude=null
check "rsync into the mount" rsync -aHX "$SCRATCH/source/" $M/rsync
is "rsync: the server has the same" "$(S "cd $D/rsync && $manifest" | md5sum)" "$(cd "$SCRATCH/source" && eval "$manifest" | md5sum)"
time_of "rm -r" rm -r $M/tar
is "nothing is left of it" "$(S "ls $D" | tr '\n' ' ')" "cp rsync "
rm -rf "$SCRATCH/back" $M/rsync

# ---- git ----
export GIT_AUTHOR_NAME=t GIT_AUTHOR_EMAIL=t@t GIT_COMMITTER_NAME=t GIT_COMMITTER_EMAIL=t@t GIT_CONFIG_COUNT=1 \
	GIT_CONFIG_KEY_0=safe.directory GIT_CONFIG_VALUE_0='*'
check "git init" git init -q -b main $M/git
cp -a /usr/include/linux $M/git/linux && rm -r $M/git/linux/*/
cd $M/git || exit
time_of "git add and commit" "git add -A && git commit -q -m one"
is "git status is clean" "$(git status --porcelain)" ""
check "git fsck" git fsck --strict
check "more commits, branches, merges" "git checkout -q -b other && sed -i 1d linux/fs.h && git commit -qam two && git checkout -q main &&
	git mv linux/kernel.h linux/moved.h && git commit -qm three && git merge -q -m merged other && git gc -q && git fsck"
is "git log" "$(git log --format=%s | sort | tr '\n' ' ')" "merged one three two "
time_of "git clone" git clone -q $M/git $M/clone
is "the clone is clean" "$(git -C $M/clone status --porcelain)" ""
check "git fsck of the clone" git -C $M/clone fsck
is "what is checked out is the same" "$(cd $M/clone && find . -path ./.git -prune -o -type f -print | sort | xargs md5sum | md5sum)" \
	"$(cd $M/git && find . -path ./.git -prune -o -type f -print | sort | xargs md5sum | md5sum)"
# Somebody else's change is seen by git.
S "echo changed >>$D/clone/linux/fs.h"
check "git sees what the server changes" wait_for 5 eval "git -C $M/clone status --porcelain | grep -q 'M linux/fs.h'"
cd / && rm -rf $M/git $M/clone

# ---- make ----
mkdir $M/make
for i in 1 2 3 4 5 6; do
	printf '#include <stdio.h>\n#include "all.h"\nint f%s(void) { return printf("%s"); }\n' $i $i >$M/make/f$i.c
done
printf '%s\n' 'int f1(void), f2(void), f3(void), f4(void), f5(void), f6(void);' >$M/make/all.h
printf '#include "all.h"\nint main(void) { return f1() + f2() + f3() + f4() + f5() + f6() != 6; }\n' >$M/make/main.c
printf '%s\n' 'OBJECTS := $(patsubst %.c,%.o,$(wildcard *.c))' 'prog: lib.a main.o' '	$(CC) -o $@ main.o lib.a' \
	'lib.a: $(filter-out main.o,$(OBJECTS))' '	$(AR) rcs $@ $^' '$(OBJECTS): all.h' 'clean:' '	rm -f *.o *.a prog' >$M/make/Makefile
time_of "make -j2" make -C $M/make -j2
is "the program runs" "$($M/make/prog)" 123456
is "make again does nothing" "$(make -C $M/make --no-print-directory)" "make: 'prog' is up to date."
S "touch -d '+1 second' $D/make/all.h"
check "make sees what the server touches" wait_for 5 eval "! make -q -C $M/make"
check "make clean" make -C $M/make clean
is "leaves the sources" "$(S "ls $D/make" | tr '\n' ' ')" "Makefile all.h f1.c f2.c f3.c f4.c f5.c f6.c main.c "

rm -rf $M/make $M/cp
is "everything can be removed" "$(S "ls $D")" ""
check "umount" umount_qtfs $M
