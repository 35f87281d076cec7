#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# timeout: 420
# long
# Programs that everybody has, unchanged, talk over unix sockets across the mount: the server's program here, and ours there.
. "$(dirname "$0")/lib.sh"

M=/mnt/host
D=/srv/programs	# there, and $M$D here
OURS=$D/ours	# what programs of the client listen on
T=/usr/lib/qtfs/tests
BUSYBOX=/rig/busybox

whitelist "Udsconnect=$D;/dev/log"
check "the server starts" start_server || exit
check "mount of /" mount_qtfs / $M || exit
S "rm -rf $D; mkdir -p $D $OURS; chmod 777 $D $OURS"
check "the proxies find each other" start_proxies "$M$OURS;/dev/log" || exit
HERE=$M$OURS

# In the background, on the server: until the suite ends.
JOBS=()
there() { # CMD...
	S "setsid bash -c ${*@Q} </dev/null >>/run/qtfs/programs.log 2>&1 & echo \$! >>/run/qtfs/programs.pids"
}
here() { # CMD...
	setsid "$@" </dev/null >>"$SCRATCH/programs.log" 2>&1 &
	JOBS+=($!)
}
# Each begins with the name of the socket that somebody is about to listen on.
soon() { # SOCKET CMD...: here
	wait_for 20 "${@:2}"
}
soon_there() { # LINE
	S "while ((SECONDS < 20 * $RIG_SLOW)); do $1 && exit 0; sleep 0.1; done >/dev/null 2>&1; $1"
}

# ---- socat: streams, packets, datagrams ----
head -c 3000000 /dev/urandom >"$SCRATCH/data"
S -i "cat >$D/data" <"$SCRATCH/data"
SUM=$(md5sum <"$SCRATCH/data")
for type in 1 5; do
	kind=$([ $type = 1 ] && echo stream || echo seqpacket)
	there "socat UNIX-LISTEN:$D/echo$type,type=$type,fork,mode=777 EXEC:cat"
	check "$kind: socat is there" soon x test -S "$M$D/echo$type"
	check "$kind: it echoes" soon x eval "[ \"\$(echo hello | socat -t5 - UNIX-CONNECT:$M$D/echo$type,type=$type)\" = hello ]"
	is "$kind: 3 MB there and back" "$(socat -t60 -b 8192 - "UNIX-CONNECT:$M$D/echo$type,type=$type" <"$SCRATCH/data" | md5sum)" "$SUM"
	here socat "UNIX-LISTEN:$HERE/echo$type,type=$type,fork,mode=777" EXEC:cat
	check "$kind: ours echoes to the server" soon_there \
		"[ \"\$(echo hello | socat -t5 - UNIX-CONNECT:$OURS/echo$type,type=$type)\" = hello ]"
	is "$kind: 3 MB from there and back" "$(S "socat -t60 -b 8192 - UNIX-CONNECT:$OURS/echo$type,type=$type <$D/data | md5sum")" "$SUM"
done
there "socat -u UNIX-RECV:$D/received,mode=777 CREATE:$D/got"
check "datagram: to UNIX-RECV" soon x eval "[ -S $M$D/received ] && echo one | socat -u - UNIX-SENDTO:$M$D/received"
check "datagram: it came" soon x grep -q one $M$D/got
there "socat UNIX-RECVFROM:$D/asked,fork,mode=777 EXEC:'tr a-z A-Z'"
check "datagram: an answer of UNIX-RECVFROM" soon x eval \
	"[ \"\$(rm -f $SCRATCH/asking; echo question | socat -t2 - UNIX-SENDTO:$M$D/asked,bind=$SCRATCH/asking)\" = QUESTION ]"
check "datagram: UNIX-CLIENT finds out by itself" eval \
	"[ \"\$(echo question | socat -t2 - UNIX-CLIENT:$M$D/asked,bind=$SCRATCH/client)\" = QUESTION ]"
here socat "UNIX-RECVFROM:$HERE/asked,fork,mode=777" EXEC:'tr a-z A-Z'
check "datagram: ours answers the server" soon_there \
	"[ \"\$(rm -f /run/asking; echo question | socat -t2 - UNIX-SENDTO:$OURS/asked,bind=/run/asking)\" = QUESTION ]"

# ---- D-Bus ----
bus() { # SOCKET
	cat <<-XML
		<busconfig>
		<type>session</type>
		<listen>unix:path=$1</listen>
		<policy context="default"><allow user="*"/><allow send_destination="*" eavesdrop="true"/><allow eavesdrop="true"/><allow own="*"/></policy>
		</busconfig>
	XML
}
bus $D/bus | S -i "cat >$D/bus.conf"
there "exec dbus-daemon --nofork --nopidfile --config-file=$D/bus.conf"
check "busctl is on the server's bus" soon x busctl "--address=unix:path=$M$D/bus" list
is "as who it is" "$(busctl "--address=unix:path=$M$D/bus" call org.freedesktop.DBus / org.freedesktop.DBus GetConnectionUnixUser \
	s org.freedesktop.DBus 2>&1)" "u $(S "id -u")"
check "dbus-send asks it" eval \
	"dbus-send --bus=unix:path=$M$D/bus --print-reply --dest=org.freedesktop.DBus / org.freedesktop.DBus.ListNames | grep -q org.freedesktop"
dbus-monitor --address "unix:path=$M$D/bus" "type='signal',interface='qtfs.Test'" >"$SCRATCH/monitor" 2>&1 &
JOBS+=($!)
check "dbus-monitor is there" wait_for 20 eval "grep -q NameAcquired '$SCRATCH/monitor' || busctl --address=unix:path=$M$D/bus list | grep -q monitor"
check "a signal from the server" wait_for 20 eval \
	"S 'dbus-send --bus=unix:path=$D/bus --type=signal / qtfs.Test.Happened string:hello'; grep -q hello '$SCRATCH/monitor'"
# The number is the server's udsproxyd's; whose name busctl looks up here.
is "another user is who he is" "$(setpriv --reuid www-data --regid www-data --clear-groups \
	busctl "--address=unix:path=$M$D/bus" list 2>&1 | grep -c '^:.* www-data ')" 1
bus $HERE/bus >"$SCRATCH/bus.conf"
here dbus-daemon --nofork --nopidfile "--config-file=$SCRATCH/bus.conf"
check "the server's busctl is on ours" soon_there "busctl --address=unix:path=$OURS/bus list"

# ---- HTTP: curl and nginx ----
web() { # DIR SOCKET
	cat <<-CONF
		daemon off; error_log stderr; pid $1/nginx.pid; user root; worker_processes 1;
		events {}
		http {
			access_log off;
			client_body_temp_path $1/body; proxy_temp_path $1/p; fastcgi_temp_path $1/f; uwsgi_temp_path $1/u; scgi_temp_path $1/s;
			server { listen unix:$2; root $1; dav_methods PUT; client_max_body_size 100m; }
		}
	CONF
}
S "mkdir -p $D/web && cp $D/data $D/web/"
web $D/web $D/http | S -i "cat >$D/web/nginx.conf"
there "exec nginx -c $D/web/nginx.conf"
get() { curl -sS --fail --max-time 60 --unix-socket "$@"; }
check "curl asks the server's nginx" soon x get $M$D/http -o /dev/null http://x/data
is "it gets the file" "$(get $M$D/http http://x/data | md5sum)" "$SUM"
is "20 times in one connection" "$(get $M$D/http "http://x/data?[1-20]" | md5sum)" \
	"$(for ((i = 0; i < 20; i++)); do cat "$SCRATCH/data"; done | md5sum)"
check "and uploads one" get $M$D/http -T "$SCRATCH/data" http://x/put
is "which is the same there" "$(S "md5sum <$D/web/put")" "$SUM"
is "what isn't there is an error of HTTP" "$(curl -sS --max-time 60 --unix-socket $M$D/http -o /dev/null -w '%{http_code}' http://x/none)" 404
mkdir "$SCRATCH/web" && cp "$SCRATCH/data" "$SCRATCH/web/" && chmod 755 "$SCRATCH"
web "$SCRATCH/web" $HERE/http >"$SCRATCH/web/nginx.conf"
here nginx -c "$SCRATCH/web/nginx.conf"
check "the server's curl asks our nginx" soon_there "curl -sS --fail --max-time 60 --unix-socket $OURS/http -o /dev/null http://x/data"
is "it gets the file, too" "$(S "curl -sS --max-time 60 --unix-socket $OURS/http http://x/data | md5sum")" "$SUM"

# ---- systemd's notify socket ----
# systemd-notify waits until the other has closed the pipe that it passes along (BARRIER=1); socat never would.
cat >"$SCRATCH/manager.py" <<-'PY'
	import os, socket, sys
	s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
	s.bind(sys.argv[1])
	os.chmod(sys.argv[1], 0o777)
	while True:
	    with open(sys.argv[2], "ab") as log:
	        log.write(s.recv(4096) + b"\n")
PY
S -i "cat >$D/manager.py" <"$SCRATCH/manager.py"
there "exec python3 $D/manager.py $D/notify $D/notified"
check "systemd-notify tells the server" soon x env NOTIFY_SOCKET=$M$D/notify systemd-notify --ready --status="from here"
check "it came" soon x eval "grep -q READY=1 $M$D/notified && grep -q 'STATUS=from here' $M$D/notified"
here python3 "$SCRATCH/manager.py" $HERE/notify "$SCRATCH/notified"
check "the server's systemd-notify tells us" soon_there "NOTIFY_SOCKET=$OURS/notify systemd-notify --ready --status='from there'"
check "it came as well" soon x grep -q "STATUS=from there" "$SCRATCH/notified"

# ---- syslog ----
there "exec $BUSYBOX syslogd -n -O $D/syslog"
check "logger writes to the server's log" soon x eval "logger -u $M/dev/log -t qtfs from-logger && grep -q 'qtfs: from-logger' $M$D/syslog"
if [ "$RIG_GUESTS" = 2 ]; then
	check "/dev/log is the server's here" soon x test -S /dev/log
	check "so a static program that knows no other logs there" eval "$BUSYBOX logger -t qtfs from-busybox"
	check "its line is there" soon x grep -q "qtfs: from-busybox" $M$D/syslog
fi

# ---- Go ----
if S "modprobe fuse && [ -c /dev/fuse ]"; then
	S "mkdir -p $D/cipher /run/plain && gocryptfs -q -init -scryptn 10 -extpass 'echo x' $D/cipher"
	there "exec gocryptfs -q -fg -ctlsock $D/go -extpass 'echo x' $D/cipher /run/plain"
	# It panics if it is asked before it has mounted.
	check "gocryptfs has mounted" soon_there "mountpoint -q /run/plain"
	check "a Go program talks to one on the server" soon x eval "echo name | gocryptfs-xray -encrypt-paths $M$D/go"
	mkdir "$SCRATCH/cipher" "$SCRATCH/plain" && modprobe fuse && gocryptfs -q -init -scryptn 10 -extpass 'echo x' "$SCRATCH/cipher"
	here gocryptfs -q -fg -ctlsock $HERE/go -extpass 'echo x' "$SCRATCH/cipher" "$SCRATCH/plain"
	check "ours has mounted, too" wait_for 20 mountpoint -q "$SCRATCH/plain"
	check "and the server's to ours" soon_there "echo name | gocryptfs-xray -encrypt-paths $OURS/go"
	umount "$SCRATCH/plain"
	S "umount /run/plain"
else
	not_ok "Go" "no /dev/fuse"
fi

# ---- PostgreSQL, which believes SO_PEERCRED alone ----
PG=/usr/lib/postgresql/15/bin
AS_POSTGRES="setpriv --reuid postgres --regid postgres --init-groups env -C /tmp"
S "install -d -o postgres -m 700 $D/pg && install -d -o postgres -m 755 $D/sql &&
	$AS_POSTGRES $PG/initdb -N -D $D/pg -A peer -E UTF8 --locale=C --wal-segsize=4 >/run/qtfs/initdb 2>&1"
there "exec $AS_POSTGRES $PG/postgres -D $D/pg -c listen_addresses= -c unix_socket_directories=$D/sql -c fsync=off -c jit=off"
sql() { # PROGRAM ARGS...
	$AS_POSTGRES env PGHOST=$M$D/sql PGDATABASE=postgres "$PG/$1" "${@:2}"
}
query() { sql psql -X -A -t -q -c "$1"; }
check "psql asks the server's PostgreSQL" soon x query "select 1"
check "which refuses who isn't postgres" eval "! PGHOST=$M$D/sql $PG/psql -X -U postgres postgres -c 'select 1'"
is "a result of 3 MB" "$(query "select md5(i::text) from generate_series(1, 100000) i" | md5sum)" \
	"$(python3 -c 'import hashlib
for i in range(1, 100001): print(hashlib.md5(str(i).encode()).hexdigest())' | md5sum)"
check "pgbench makes its tables" sql pgbench -i -q -s 1
check "4 of its clients work" sql pgbench -n -c 4 -t 100
is "and each transaction was done once" "$(query "select count(*) from pgbench_history")" 400
check "so do 20, each transaction in a connection of its own" sql pgbench -n -S -C -c 20 -t 5

# ---- a static program ----
there "exec $T/socketload-static serve $D/static"
check "a static program uses the server's socket" soon x "$T/socketload-static" cycles $M$D/static 20

kill "${JOBS[@]}" 2>/dev/null
wait "${JOBS[@]}" 2>/dev/null
S "kill \$(cat /run/qtfs/programs.pids); rm -f /run/qtfs/programs.pids; tail -n 20 /run/qtfs/programs.log"
tail -n 20 "$SCRATCH/programs.log"
check "nothing is kept" stop_proxies
check "the mount isn't busy" umount_qtfs $M
