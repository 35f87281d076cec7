#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# long
# timeout: 3600
# trans: tcp
# expect-log: connection lost|connected again|engine has gone|no answer for|has been waiting
# Programs that know nothing of it live through 20 deaths of the engine and 20 cuts of the link each: dd, git clone, tar -x,
# SQLite, and PostgreSQL with its data on the mount. None of them may hear of an error, and in the end the data is compared
# with where it came from, or by what the database has for this. ROUNDS says how often; PROGRAMS, which of them; CLIENTS, on how
# many mounts at once.
# shellcheck disable=SC2086,SC2030,SC2031 # no name here has a blank; each client counts its own failures
. "$(dirname "$0")/lib.sh"

ALL_D=/srv/survives
ALL_M=/mnt/survives
FAULT=/sys/kernel/debug/qtfs_server/fault
: "${ROUNDS:=20}" "${PROGRAMS:=dd git tar sqlite postgres}" "${CLIENTS:=1}"
PG=/usr/lib/postgresql/15/bin

# ---- what breaks ----

cut() { # NUMBER; every other one is within a frame of the server
	if (($1 % 2)) && [ -n "$FAULTS" ]; then
		S "echo disconnect bytes=$((RANDOM % 48)) count=1 >$FAULT"
	else
		cut_off
	fi
}
# The program has to be at work in between: so many requests more.
works() { # REQUESTS
	wait_for 60 eval "[ \$(requests requests) -ge $(($(requests requests) + $1)) ] || [ -e '$END' ]"
}
break_things() {
	local n before
	for ((n = 1; n <= ROUNDS; n++)); do
		works $((RANDOM % 40 + 1)) || return
		S 'pid=$(pidof qtfs-engine) && kill -9 $pid && while kill -0 $pid 2>/dev/null; do sleep 0.01; done' || return
		start_engine || return
		works $((RANDOM % 40 + 1)) || return
		before=$(stat_of reconnects)
		cut $n
		wait_for 60 eval "[ \$(stat_of reconnects) -gt $before ]" || return
		[ ! -e "$END" ] || return
		echo $n >"$ROUND"
	done
}

# Runs FUNCTION again and again, with the number of the time, until all has been broken that often. The first client breaks
# things, and the others go on for as long as it does.
survives() { # NAME FUNCTION
	local name="client $CLIENT, $1" n=0 breaker="" status=0
	if [ $CLIENT = 0 ]; then
		rm -f "$END"
		echo 0 >"$ROUND"
		(break_things >"$SCRATCH/breaker" 2>&1; touch "$END.$1") &
		breaker=$!
	fi
	while [ $status = 0 ] && [ ! -e "$END.$1" ]; do
		n=$((n + 1))
		$2 $n >"$SCRATCH/program" 2>&1
		status=$?
	done
	if [ -n "$breaker" ]; then
		touch "$END"
		wait $breaker
		[ -z "$FAULTS" ] || S "echo clear >$FAULT"
		is "$name: engines died and links were cut" "$(cat "$ROUND")" "$ROUNDS" || tail -n 3 "$SCRATCH/breaker"
	fi
	is "$name: $n times, without an error" "$status $(tail -n 3 "$SCRATCH/program")" "0 "
	times=$n
}

# ---- the programs ----

dd_once() {
	dd if="$SCRATCH/data" of="$M/dd$(($1 % 4))" bs=64k conv=fsync status=none &&
		dd if="$M/dd$(($1 % 4))" bs=100k iflag=direct status=none | cmp - "$SCRATCH/data"
}
dd_lives() {
	local i
	dd if=/dev/urandom of="$SCRATCH/data" bs=1M count=16 status=none
	survives dd dd_once
	for ((i = 0; i < 4 && i < times; i++)); do
		check "dd: file $i is there" "cmp $M/dd$i '$SCRATCH/data' && S 'cat $D/dd$i' | cmp - '$SCRATCH/data'"
	done
	rm -f $M/dd? "$SCRATCH/data"
}

# Some hundred files of the kernel's headers, and what they are in.
sources() {
	mkdir "$SCRATCH/source"
	(cd /usr/include && find linux asm-generic -type f | head -n 400 | tar -c -T - -f -) | tar -x -C "$SCRATCH/source" -f -
	ln -s linux/fs.h "$SCRATCH/source/link"
	chmod 700 "$SCRATCH/source/linux/fs.h"
}
same_tree() { # NAME DIR
	check "$1 is the same on the mount" diff -r --no-dereference --exclude=.git "$SCRATCH/source" "$M/$2"
	is "$1 is the same on the server" \
		"$(S "cd $D/$2 && find . -name .git -prune -o -type f -print0 | LC_ALL=C sort -z | xargs -0 md5sum")" \
		"$(cd "$SCRATCH/source" && find . -name .git -prune -o -type f -print0 | LC_ALL=C sort -z | xargs -0 md5sum)"
}

git_once() {
	git clone -q --no-local "$SCRATCH/source" "$M/git$1"
}
git_lives() {
	local i
	(cd "$SCRATCH/source" && git init -q && git add . && git -c user.name=qtfs -c user.email=qtfs@localhost commit -q -m all)
	git config --global --add safe.directory '*'
	survives "git clone" git_once
	for ((i = 1; i <= times; i++)); do
		is "git clone $i: its repository is whole" "$(git -C $M/git$i fsck --full 2>&1; git -C $M/git$i status --porcelain 2>&1)" ""
		same_tree "git clone $i" git$i
	done
	rm -rf $M/git* "$SCRATCH/source/.git"
}

tar_once() {
	mkdir "$M/tar$1" && tar -x -f "$SCRATCH/source.tar" -C "$M/tar$1"
}
tar_lives() {
	local i
	tar -c -C "$SCRATCH/source" --exclude=.git -f "$SCRATCH/source.tar" .
	survives "tar -x" tar_once
	for ((i = 1; i <= times; i++)); do
		is "tar -x $i: nothing differs" "$(tar -d -f "$SCRATCH/source.tar" -C $M/tar$i 2>&1)" ""
		same_tree "tar -x $i" tar$i
	done
	rm -rf $M/tar*
}

# Transactions that move an amount from one account to another and note it, by one program.
transactions() { # FIRST LAST
	local n
	for ((n = $1; n <= $2; n++)); do
		echo "begin; update account set has = has - $((n % 7)) where id = $((n % 50 + 1));
			update account set has = has + $((n % 7)) where id = $((n * 31 % 50 + 1));
			insert into history values ($n, randomblob(200)); commit;"
	done
}
sqlite_once() {
	transactions $(($1 * 50 - 49)) $(($1 * 50)) | sqlite3 -bail -cmd ".timeout 60000" "$M/$journal.db" >"$SCRATCH/sqlite" 2>&1 &&
		! grep . "$SCRATCH/sqlite"
}
sqlite_lives() {
	for journal in delete wal; do
		is "sqlite: a database with journal_mode=$journal" "$(sqlite3 -bail $M/$journal.db "pragma journal_mode = $journal;
			create table account (id integer primary key, has integer); create table history (n integer primary key, what blob);
			with recursive n(i) as (select 1 union all select i + 1 from n where i < 50) insert into account select i, 1000 from n;" 2>&1)" $journal
		survives "sqlite, $journal" sqlite_once
		is "sqlite, $journal: integrity_check" "$(sqlite3 $M/$journal.db "pragma integrity_check")" ok
		is "sqlite, $journal: every transaction is there, once" \
			"$(sqlite3 $M/$journal.db "select count(*), min(n), max(n) from history; select count(*), sum(has) from account")" \
			"$((times * 50))|1|$((times * 50))"$'\n'"50|50000"
		S "mkdir -p /tmp/$CLIENT; cp $D/$journal.db* /tmp/$CLIENT/"
		is "sqlite, $journal: the same on the server" "$(S "sqlite3 /tmp/$CLIENT/$journal.db 'pragma integrity_check; select count(*) from history'; rm -r /tmp/$CLIENT")" \
			"ok"$'\n'"$((times * 50))"
	done
}

as_postgres() { setpriv --reuid postgres --regid postgres --init-groups env -C /tmp PGHOST=$PGDIR PGDATABASE=postgres "$@"; }
query() { as_postgres $PG/psql -X -A -t -q -c "$1"; }
# What pgbench did, besides its exit status: nothing failed. Its transactions are counted.
postgres_once() {
	as_postgres $PG/pgbench -c 4 -n -T 8 >"$SCRATCH/pgbench" 2>&1 || { cat "$SCRATCH/pgbench"; return 1; }
	! grep -iE 'error|fatal|panic|aborted' "$SCRATCH/pgbench" || return
	done_=$((done_ + $(sed -n 's/^number of transactions actually processed: //p' "$SCRATCH/pgbench")))
}
start_postgres() { as_postgres $PG/pg_ctl -D $M/pg -l $PGDIR/log -w -t 300 start >"$SCRATCH/pg_ctl" 2>&1; }
stop_postgres() { as_postgres $PG/pg_ctl -D $M/pg -m fast -w -t 300 stop >"$SCRATCH/pg_ctl" 2>&1; }
postgres_lives() {
	local done_=0 PGDIR=/tmp/postgres$CLIENT
	rm -rf $PGDIR
	install -d -o postgres $PGDIR
	mkdir $M/pg && chown postgres: $M/pg && chmod 700 $M/pg
	check "postgres: a cluster on the mount" as_postgres $PG/initdb -D $M/pg -k -A trust -E UTF8 --locale=C --wal-segsize=4 || return
	# It is small, and busy with checkpoints.
	printf '%s\n' "listen_addresses = ''" "unix_socket_directories = '$PGDIR'" "shared_buffers = 8MB" "max_connections = 20" \
		"max_wal_size = 16MB" "min_wal_size = 8MB" "checkpoint_timeout = 30s" "jit = off" >>$M/pg/postgresql.conf
	check "postgres: the server starts" start_postgres || { tail -n 5 $PGDIR/log; return; }
	check "postgres: tables for pgbench" as_postgres $PG/pgbench -i -q -s 1
	survives postgres postgres_once
	echo "# $done_ transactions"
	check "postgres: transactions were carried out" [ $done_ -gt 0 ]
	is "postgres: each is in the history, once" "$(query "select count(*) from pgbench_history")" $done_
	is "postgres: all sums are the same" "$(query "select (select sum(abalance) from pgbench_accounts) = (select sum(delta) from pgbench_history),
		(select sum(tbalance) from pgbench_tellers) = (select sum(delta) from pgbench_history),
		(select sum(bbalance) from pgbench_branches) = (select sum(delta) from pgbench_history)")" "t|t|t"
	is "postgres: pg_amcheck" "$(as_postgres $PG/pg_amcheck --all --install-missing --heapallindexed --parent-check 2>&1)" ""
	check "postgres: the server stops" stop_postgres
	check "postgres: pg_checksums" as_postgres $PG/pg_checksums --check -D $M/pg
	check "postgres: it starts again" start_postgres
	is "postgres: nothing is missing" "$(query "select count(*) from pgbench_history")" $done_
	check "postgres: and stops" stop_postgres
	is "postgres: its log has no error" "$(grep -E 'ERROR|FATAL|PANIC|WARNING' $PGDIR/log)" ""
	rm -rf $M/pg
}

check "the server starts" start_server || exit
S "rm -rf $ALL_D && mkdir $ALL_D && chmod 755 $ALL_D"
for ((c = 0; c < CLIENTS; c++)); do
	S "mkdir $ALL_D/$c"
	check "mount $c" mount_qtfs -o timeo=5000 $ALL_D/$c $ALL_M$c || exit
done
S "[ -e $FAULT ]" && FAULTS=1 || echo "# no faults can be injected in this build: links are only cut between frames"
ROOM=$SCRATCH
END=$ROOM/end
ROUND=$ROOM/rounds

client() { # NUMBER FUNCTION
	CLIENT=$1
	D=$ALL_D/$1
	M=$ALL_M$1
	SCRATCH=$ROOM/client$1
	mkdir -p "$SCRATCH"
	[ -e "$SCRATCH/source" ] || sources
	$2
	SCRATCH=$ROOM
}
for program in $PROGRAMS; do
	start=$EPOCHSECONDS
	rm -f "$END".*
	others=()
	for ((c = 1; c < CLIENTS; c++)); do
		(FAILURES=0; client $c "${program}_lives"; exit $FAILURES) &
		others+=($!)
	done
	client 0 "${program}_lives"
	for other in "${others[@]}"; do
		wait "$other" || FAILURES=$((FAILURES + $?))
	done
	echo "# $program: $((EPOCHSECONDS - start)) s; $(stat_of reconnects) connections made again, $(stat_of resent) requests sent again"
done
is "the state" "$(sort -u /sys/fs/qtfs/*/state)" connected
for ((c = 0; c < CLIENTS; c++)); do
	check "umount $c" umount_qtfs $ALL_M$c
done
