#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# timeout: 240
# Users other than root, with groups: what the server's kernel allows to them, no more and no less.
. "$(dirname "$0")/lib.sh"

D=/srv/users
M=/mnt/users
check "the server starts" start_server || exit
S "
	rm -rf $D && mkdir -p $D/home $D/team $D/sgid $D/sticky $D/closed $D/foreign && cd $D
	chown 1000:1000 home && chmod 700 home
	chown 0:2000 team && chmod 770 team
	chown 0:3000 sgid && chmod 2775 sgid
	chmod 1777 sticky && echo theirs >sticky/theirs && chown 1001 sticky/theirs
	chmod 700 closed && echo x >closed/f
	echo group >foreign/group && chown 0:2000 foreign/group && chmod 640 foreign/group
	echo other >foreign/other && chmod 604 foreign/other && chgrp 2000 foreign/other
	echo acl >foreign/acl && chmod 600 foreign/acl && setfacl -m u:1000:r foreign/acl
	echo '#!/bin/sh' >foreign/script && chmod 711 foreign/script && cp /bin/true foreign/true && chmod 711 foreign/true
	cp /usr/bin/id foreign/suid && chmod 4755 foreign/suid && chown 1001 foreign/suid && chmod 4755 foreign/suid
"
check "mount" mount_qtfs $D $M || exit

as() { # UID GROUPS CMD...
	local uid=$1 groups=$2
	shift 2
	setpriv --reuid "$uid" --regid "$uid" --groups "$groups" "$@"
}
alice() { as 1000 2000,3000 "$@"; }
bob() { as 1001 5000 "$@"; }

# ---- one's own directory ----
check "a user works at home" alice bash -c "cd $M/home && mkdir -p a/b && echo hello >a/b/f && mv a/b/f a/g && cp a/g h &&
	ln h i && ln -s h j && cat j && rm -r a && chmod 600 h && touch -d @1 h && setfattr -n user.x -v 1 h && ls -la && rm i"
is "what a user makes is theirs" "$(S "stat -c %u:%g:%a $D/home/h")" 1000:1000:600
fails_with "another one has no business there" EACCES bob ls $M/home
fails_with "nor in files" EACCES bob cat $M/home/h
fails_with "nor can know what is there" EACCES bob stat $M/home/h
fails_with "root without rights neither" EACCES setpriv --bounding-set=-all --inh-caps=-all ls $M/home
check "root with rights can" ls $M/home

# ---- groups ----
check "a supplementary group gives access" alice bash -c "echo x >$M/team/f && cat $M/team/f && ls $M/team"
fails_with "without it there is none" EACCES bob ls $M/team
fails_with "the primary group alone is not it" EACCES as 1000 1000 ls $M/team
check "a group may read" alice cat $M/foreign/group
fails_with "but not write" EACCES alice dd if=/dev/null of=$M/foreign/group
fails_with "a group counts before others" EACCES alice cat $M/foreign/other
check "for others it is readable" bob cat $M/foreign/other
check "many groups work" as 1000 "$(seq -s, 10000 10300),2000" ls $M/team
check "a user whom an ACL lets read can" alice cat $M/foreign/acl
fails_with "one whom it does not can't" EACCES bob cat $M/foreign/acl

# ---- setgid directories ----
check "files made in a setgid directory" alice bash -c "umask 002; echo x >$M/sgid/f && mkdir $M/sgid/d && echo x >$M/sgid/d/g"
is "have its group" "$(S "stat -c %u:%g:%a $D/sgid/f $D/sgid/d $D/sgid/d/g | tr '\n' ' '")" "1000:3000:664 1000:3000:2775 1000:3000:664 "
fails_with "others make nothing there" EACCES bob touch $M/sgid/x
check "chgrp to a group of one's own" alice chgrp 2000 $M/sgid/f
fails_with "not to another" EPERM alice chgrp 5000 $M/sgid/f
fails_with "not to another user" EPERM alice chown 1001 $M/sgid/f
check "setgid is lost when the group is not ours" alice bash -c "touch $M/home/s && chmod 2755 $M/home/s"
S "chgrp 5000 $D/home/s && chmod 755 $D/home/s"
check "chmod g+s of a file of a foreign group" wait_for 3 eval "[ \$(stat -c %g $M/home/s) = 5000 ]"
alice chmod 2755 $M/home/s
is "does not give the bit" "$(S "stat -c %a $D/home/s")" 755

# ---- sticky ----
check "everybody makes files in a sticky directory" alice bash -c "echo mine >$M/sticky/mine"
fails_with "others' files are not removed" EPERM alice rm -f $M/sticky/theirs
fails_with "nor renamed" EPERM alice mv -T $M/sticky/theirs $M/sticky/x
fails_with "nor replaced" EPERM alice mv -fT $M/sticky/mine $M/sticky/theirs
check "one's own are" alice rm $M/sticky/mine
check "the owner removes theirs" bob rm $M/sticky/theirs

# ---- what the mode says ----
fails_with "a closed directory is not listed" EACCES alice ls $M/closed
fails_with "nor entered" EACCES alice cat $M/closed/f
fails_with "nothing is made at others'" EACCES alice touch $M/foreign/new
fails_with "nothing is removed at others'" EACCES alice rm -f $M/foreign/other
fails_with "chmod of others' files" EPERM alice chmod 777 $M/foreign/group
fails_with "times of others' files" EACCES alice touch -d @1 $M/foreign/group
fails_with "xattrs of others' files" EACCES alice setfattr -n user.x -v 1 $M/foreign/group
check "a program that can't be read is run" alice $M/foreign/true
fails_with "but not read" EACCES alice cat $M/foreign/true
fails_with "a script that can't be read is not run" EACCES alice $M/foreign/script
is "set-uid programs work" "$(alice $M/foreign/suid -u)" 1001
fails_with "device files are not made" EPERM alice mknod $M/home/dev c 1 3
fails_with "trusted attributes are not set" EPERM alice setfattr -n trusted.x -v 1 $M/home/h
is "access(2) says the same as open(2)" "$(alice bash -c "
	for f in group other acl true; do [ -r $M/foreign/\$f ] && echo -n r; cat $M/foreign/\$f >/dev/null 2>&1 && echo -n R; echo -n ' '; done")" \
	"rR  rR  "

# ---- capabilities, one by one ----
cap() { # CAP CMD...
	local caps=-all,+$1
	shift
	setpriv --reuid 1000 --regid 1000 --clear-groups --inh-caps="$caps" --ambient-caps="$caps" "$@"
}
check "CAP_DAC_READ_SEARCH reads" cap dac_read_search cat $M/closed/f
fails_with "but does not write" EACCES cap dac_read_search dd if=/dev/null of=$M/closed/f
check "CAP_DAC_OVERRIDE writes" cap dac_override touch $M/closed/new
check "CAP_FOWNER changes modes" cap fowner chmod 641 $M/foreign/group
check "CAP_CHOWN changes owners" cap chown chown 1001 $M/foreign/group
check "CAP_MKNOD makes devices" cap mknod mknod $M/home/dev c 1 3

# ---- users at once ----
for uid in 1000 1001 1002 1003; do
	S "mkdir $D/u$uid && chown $uid:$uid $D/u$uid && chmod 700 $D/u$uid"
done
for uid in 1000 1001 1002 1003; do
	as $uid 7000 bash -c "cd $M/u$uid && for i in \$(seq 20); do echo $uid >f\$i && mkdir d\$i || exit; done" &
done
wait
is "four users at once: each file has its owner" \
	"$(S "find $D/u100? -mindepth 1 ! -path '*/u1000/*' -uid 1000 -o -mindepth 1 -path '*/u1000/*' ! -uid 1000 | wc -l;
	find $D/u100? -mindepth 1 -printf '%u\n' | sort | uniq -c | tr -s ' \n' ' '")" \
	$'0\n'" 40 1000 40 1001 40 1002 40 1003 "
