#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# timeout: 600
# The same operations on a local ext4 and through a mount of it: results, errors and attributes are the same.
# tests/parity/fsops.c is the list. Differences are shown as `-` local, `+` mount.
. "$(dirname "$0")/lib.sh"

FSOPS=/usr/lib/qtfs/tests/fsops
SECTIONS="open rw direct trunc dirs unlink links names rename nodes mode acl foreign times xattr readdir copy mmap locks
	exec statfs statx"
BASE=/srv/parity

[ -x $FSOPS ] || { not_ok "fsops is installed" "no $FSOPS in the stage"; exit; }

# A directory as fsops expects it, of user 1000 or root. Twice, so that what is already there is the same as well.
prepare() { # DIR OWNER
	S "
		set -e
		umask 022
		rm -rf $1 && mkdir -p $1/acl $1/foreign/closed $1/sticky/theirdir $1/team $1/others
		cd $1
		setfacl -m d:u::rwx,d:u:1234:rwx,d:g::r-x,d:g:2000:r-x,d:m::rwx,d:o::--- acl
		for f in secret public bygroup byacl closed/f; do echo -n \${f##*/} >foreign/\$f; done
		chmod 600 foreign/secret foreign/byacl
		chgrp 2000 foreign/bygroup && chmod 664 foreign/bygroup
		setfacl -m u:1000:r foreign/byacl
		setfattr -n user.here -v yes foreign/public foreign/secret
		chmod 700 foreign/closed
		echo -n theirs >sticky/theirs && chown 1500:1500 sticky/theirs sticky/theirdir && chmod 1777 sticky
		chgrp 3000 team && chgrp 4000 others && chmod 2775 team others
		mkdir many && (cd many && seq -f e%g 0 2999 | xargs touch && chown -R $2:$2 .)
		chown $2:$2 . acl
	"
}

# What the server has in the end.
census() { # DIR
	S "
		cd $1
		find . -path ./readdir/d/\* -prune -o -printf '%P %y%m links %n %U:%G %l ' \( -type f -printf '%s' \) -printf '\n' | LC_ALL=C sort
		getfacl -RPn --skip-base . 2>/dev/null
		getfattr -RPd -m- . 2>/dev/null
	"
}

# One process for all sections: a hundred greps take a while in an emulated guest.
cat >"$SCRATCH/compare.py" <<'PY'
import difflib, sys

name, local, mount, sections = sys.argv[1], sys.argv[2], sys.argv[3], sys.argv[4:]

def parts(path):
    of = {section: [] for section in sections}
    for line in open(path, encoding="utf-8", errors="backslashreplace"):
        section, _, rest = line.rstrip("\n").partition(": ")
        if rest.startswith("note: "):
            if path == mount:
                print(f"# {name}: {section}: {rest}")
        elif section in of:
            of[section].append(rest)
    return of

a, b = parts(local), parts(mount)
for section in sections:
    lines = [line for line in difflib.unified_diff(a[section], b[section], n=2, lineterm="")][2:]
    for line in lines[:60]:
        print("# " + line[:200])
    if lines:
        print(f"not ok - {name}: {section}: {sum(line[0] in '+-' for line in lines)} lines differ (- local, + mount)")
    elif not a[section]:
        print(f"not ok - {name}: {section}: it has not run")
    else:
        print(f"ok - {name}: {section} ({len(a[section])} lines)")
sys.exit(any(a[section] != b[section] or not a[section] for section in sections))
PY

compare_runs() { # NAME UID COMMAND-PREFIX...
	local name=$1 dir=$BASE/$1 section
	if ! { prepare "$dir/local" "$2" && prepare "$dir/mount" "$2"; }; then
		not_ok "$name: preparation"
		return
	fi
	shift 2
	S "$* $FSOPS $dir/local" >"$SCRATCH/local" 2>&1
	timeout -k 1 180 "$@" $FSOPS "/mnt/parity/$name/mount" >"$SCRATCH/mount" 2>&1
	is "$name: the local run ends" "$(tail -n 1 "$SCRATCH/local")" end
	is "$name: the run in the mount ends" "$(tail -n 1 "$SCRATCH/mount")" end
	# shellcheck disable=SC2086 # a list
	python3 "$SCRATCH/compare.py" "$name" "$SCRATCH/local" "$SCRATCH/mount" $SECTIONS || FAILURES=$((FAILURES + 1))
	census "$dir/local" >"$SCRATCH/census.local"
	census "$dir/mount" >"$SCRATCH/census.mount"
	if ! is "$name: the server has the same" "$(md5sum <"$SCRATCH/census.mount")" "$(md5sum <"$SCRATCH/census.local")"; then
		diff "$SCRATCH/census.local" "$SCRATCH/census.mount" | cut -c 1-200 | sed 's/^/# /' | head -n 40
	fi
	S "rm -rf $dir"
}

[ "$RIG_GUESTS" = 1 ] || S -i "mkdir -p ${FSOPS%/*} && cat >$FSOPS && chmod 755 $FSOPS" <$FSOPS
check "the server starts" start_server || exit
check "mount" mount_qtfs /srv /mnt || exit

compare_runs root 0 env
compare_runs user 1000 setpriv --reuid 1000 --regid 1000 --groups 2000,3000
