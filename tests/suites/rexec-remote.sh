#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# long
# timeout: 300
# guests: 2
# rexec between two machines, through udsproxyd, both ways: what a command does there it does as if it were started here.
. "$(dirname "$0")/lib.sh"

M=/mnt/host
W=/srv/work
D=$SCRATCH
chmod 755 "$D"
COMMANDS=$'sh\nbash\ncat\ncksum\nfalse\nhead\nid\nperl\nsleep\ntrue\n/usr/bin/expr 1 + *\n@env PASSED\n'

whitelist "Udsconnect=/run/rexec"
check "the server starts" start_server || exit
check "mount of /" mount_qtfs / $M || exit
S "mkdir -p $W && chmod 777 $W"
printf '[Udsconnect]\nPath=/run/rexec\n' >"$D/uds"
printf %s "$COMMANDS" >"$D/commands"
S -i "mkdir -p /run/qtfs; cat >/run/qtfs/commands" <<<"$COMMANDS"

start_proxy() {
	udsproxyd --address $CLIENT_IP --port 12121 --peer-address $SERVER_IP --peer-port 12121 \
		--whitelist "$D/uds" >>"$D/proxy.log" 2>&1 &
	PROXY=$!
}
start_proxy
rexec_server --whitelist "$D/commands" </dev/null >>"$D/log" 2>&1 &
OURS=$!
S "setsid udsproxyd --address $SERVER_IP --port 12121 --peer-address $CLIENT_IP --peer-port 12121 \
	</dev/null >/run/qtfs/udsproxyd.log 2>&1 & echo \$! >/run/qtfs/udsproxyd.pid
setsid rexec_server --whitelist /run/qtfs/commands </dev/null >/run/qtfs/rexec.log 2>&1 & echo \$! >/run/qtfs/rexec.pid"
end_suite() {
	local status=$?
	kill "$PROXY" "$OURS"
	S "kill \$(cat /run/qtfs/udsproxyd.pid /run/qtfs/rexec.pid)"
	grep -v info: "$D/proxy.log" "$D/log"
	(exit $status)
	tidy
}
trap end_suite EXIT

there() { # the other machine executes a command
	[ "$(rexec cat /proc/sys/kernel/random/boot_id)" = "$(S cat /proc/sys/kernel/random/boot_id)" ]
}
here() { # and has one executed by this one
	[ "$(S rexec cat /proc/sys/kernel/random/boot_id)" = "$(cat /proc/sys/kernel/random/boot_id)" ]
}
check "a command is executed on the other machine" wait_for 20 there
check "and one of the other's on this" wait_for 20 here

# ---- parity, both ways: a line of shell with $X before a command, which is nothing or rexec ----
cat >"$D/outcome" <<'END'
export X=$1
cd "$3" || exit
exec 2>err
timeout 60 bash -c "$2" </dev/null
echo "status $?"
echo "errors:"
cat err
END
S -i "cat >/run/qtfs/outcome" <"$D/outcome"
mkdir -p "$D/local"
same() { # NAME LINE
	local expected line
	expected=$(bash "$D/outcome" "" "$2" "$D/local")
	is "$1" "$(bash "$D/outcome" "rexec --cwd /" "$2" "$D/local")" "$expected"
	printf -v line %q "$2"
	is "$1, the other way" "$(S "mkdir -p /tmp/local; bash /run/qtfs/outcome \"rexec --cwd /\" $line /tmp/local")" "$expected"
}
cd /
same "exit status 42" '$X sh -c "exit 42"'
same "death by a signal" '$X sh -c "kill -TERM \$\$"'
same "its arguments" '$X sh -c '\''for a; do echo "<$a>"; done'\'' x "" "a  b" "*" \\ "'\''" "$(echo; echo y)"'
same "output and errors apart" '$X sh -c "echo out; echo err >&2"'
same "output and errors on one pipe keep their order" \
	'{ $X sh -c "for i in 1 2 3 4 5; do echo out \$i; echo err \$i >&2; done"; } 2>&1 | cat'
same "end of input" 'echo hi | $X cat'
same "a long input" 'seq 300000 | $X cksum'
same "a long output" '$X sh -c "seq 300000; exit 3" | cksum; echo ${PIPESTATUS[0]}'
same "a reader who goes away" '$X sh -c "while echo y; do :; done" 2>/dev/null | head -n 2; echo "${PIPESTATUS[0]}"'
same "input from a file" 'seq 1000 >in; $X cat <in'
same "output to a file" '$X sh -c "seq 1000; echo x >&2" >f 2>&1; cksum <f; rm f'
same "what its children write later" '{ $X sh -c "(sleep 0.5; echo late) & echo now"; echo status $?; } | cat'
same "a further pipe" '{ $X sh -c "echo through >&5" 5>&1 >/dev/null; } | cat'
same "the umask" 'umask 031; $X sh -c umask'
same "limits" 'ulimit -S -n 99; ulimit -c 0; $X sh -c "ulimit -S -n; ulimit -c"'
same "user, group and groups" 'setpriv --reuid 1234 --regid 2345 --groups 4,5 $X id'
same "a variable that is passed" 'PASSED="a b" $X sh -c "echo \$PASSED"'
is "others aren't" "$(SECRET=1 LD_LIBRARY_PATH=/evil rexec sh -c env | grep -cE 'SECRET|evil')" 0
# ---- files of the mount, and sockets that listen ----
is "a file of the mount is open there, too, where it was" \
	"$(exec 7<>$M$W/shared && echo here >&7 && rexec sh -c 'echo there >&7; readlink /proc/$$/fd/7' && cat $M$W/shared)" $W/shared$'\nhere\nthere'
is "output to a file of the mount, which others go on with" "$({ rexec sh -c 'echo there' && echo here; } >$M$W/shared; cat $M$W/shared)" $'there\nhere'
is "and to its end" "$({ rexec sh -c 'echo more; readlink /proc/$$/fd/1' && echo here; } >>$M$W/shared; tail -n 3 $M$W/shared)" $'more\n'$W/shared$'\nhere'
rexec true 7<"$D/commands" 2>"$D/complaint"
is "another file can't be had: 125" "$? $(grep -c "descriptor 7 ($D/commands)" "$D/complaint")" "125 1"

# The caller's socket, of which the command has the number: it answers who connects with who that is, and what he said.
cat >"$D/listen" <<'END'
use Socket;
$^F = 99;
my $s;
socket($s, AF_UNIX, SOCK_STREAM, 0) && bind($s, sockaddr_un($ARGV[0])) && chmod(0777, $ARGV[0]) && listen($s, 200) or die $!;
exec "rexec", "perl", "-e", $ARGV[1], fileno($s);
END
ANSWER='use Socket; open(my $s, "+<&=", $ARGV[0]); $SIG{CHLD} = "IGNORE"; $SIG{TERM} = sub { exit 7 };
	while (1) {
		accept(my $c, $s) or next;
		next if fork;
		my ($pid, $uid, $gid) = unpack("i3", getsockopt($c, SOL_SOCKET, SO_PEERCRED));
		my $text = "$uid $gid " . uc(join("", <$c>));
		while ((my $n = syswrite($c, $text)) > 0) { $text = substr($text, $n); }
		exit 0;
	}'
perl "$D/listen" "$D/socket" "$ANSWER" {RESULTS}>&- &
pid=$!
tell() { socat -t 60 - "UNIX-CONNECT:$D/socket"; }
check "a socket that listens, here" wait_for 20 test -S "$D/socket"
is "who connects reaches the command there" "$(echo hello | tell)" "0 0 HELLO"
is "as who he is" "$(echo hi | as 1234 socat -t 60 - "UNIX-CONNECT:$D/socket")" "1234 1234 HI"
is "much, there and back" "$(head -c 3000000 /dev/zero | tr '\0' y | tell | cksum)" \
	"$({ printf '0 0 '; head -c 3000000 /dev/zero | tr '\0' Y; } | cksum)"
wrong=0
for ((i = 0; i < 80; i++)); do
	[ "$(echo $i | tell)" = "0 0 $i" ] || wrong=$((wrong + 1))
done
is "one after the other, more than there may be at once" "$wrong" 0
mine=()
for ((i = 0; i < 80; i++)); do
	echo $i | tell >"$D/said$i" &
	mine[i]=$!
done
wait "${mine[@]}"
is "and at once" "$(cat "$D"/said* | sort -V | tr '\n' ' ')" "$(seq -f '0 0 %.0f' 0 79 | tr '\n' ' ')"
kill $pid
wait $pid
is "the command ends" $? 7
fails_with "and nobody listens any more" ECONNREFUSED tell
rm "$D/socket"
is "nothing is left of it there" "$(S 'ls -d /tmp/rexec-* 2>/dev/null')" ""
perl "$D/listen" "$D/socket" 'open(my $s, "+<&=", $ARGV[0]); close($s); open(STDOUT, ">", "'$W'/closed"); sleep 1000' {RESULTS}>&- &
pid=$!
check "a command that listens no more" wait_for 20 test -e $M$W/closed
check "whose socket refuses" wait_for 20 eval "tell </dev/null 2>&1 | grep 'Connection refused'"
kill $pid
wait $pid 2>/dev/null
rm "$D/socket"

is "a working directory on the mount is the server's" "$(cd $M$W && rexec sh -c 'pwd; echo x >made')" $W
check "and what is made there is here" test -s $M$W/made
rexec touch $W/no 2>"$D/complaint"
is "a command that isn't listed: 126" "$? $(grep -c 'touch: not allowed' "$D/complaint")" "126 1"
rexec nosuch 2>"$D/complaint"
is "one that isn't there: 127" "$? $(grep -c 'nosuch: command not found' "$D/complaint")" "127 1"

# ---- much, and many ----
head -c 16777216 /dev/urandom >"$D/much"
is "16 MiB there and back" "$(rexec cat <"$D/much" | cksum)" "$(cksum <"$D/much")"
mine=()
for ((i = 0; i < 30; i++)); do
	(
		rexec sh -c "cat; exit $i" <<<"$i" >"$D/run$i" {RESULTS}>&-
		echo $? >>"$D/run$i"
	) &
	mine[i]=$!
done
wait "${mine[@]}"
wrong=0
for ((i = 0; i < 30; i++)); do
	[ "$(tr '\n' ' ' <"$D/run$i")" = "$i $i " ] || wrong=$((wrong + 1))
done
is "30 at a time" "$wrong" 0

# ---- a terminal ----
is "a terminal" "$(rexec -t sh -c 'test -t 0 && test -t 1 && echo yes; exit 3' </dev/null | tr -d '\r'; echo "${PIPESTATUS[0]}")" "yes
3"
is "of the caller's size" "$(script -qec 'stty rows 33 cols 99; rexec -t sh -c "stty size"' /dev/null </dev/null | tr -dc '0-9 ')" "33 99"

# ---- signals, death ----
running() { # NUMBER: a sleep there
	S "pgrep -x -f 'sleep $1'" >/dev/null
}
gone() { # NUMBER
	! running "$1"
}
rexec bash -c 'trap "echo USR1" USR1; trap "echo TERM; exit 3" TERM; echo ready; while :; do sleep 0.05; done' >"$D/out" {RESULTS}>&- &
pid=$!
check "one that runs" wait_for 20 grep -q ready "$D/out"
is "has a number here" "$(S "tr '\\0' ' ' </proc/$(cat /run/rexec/pids/$pid)/cmdline" | cut -c1-7)" "bash -c"
kill -USR1 $pid
check "a signal reaches it" wait_for 20 grep -q USR1 "$D/out"
kill -TERM $pid
wait $pid
is "and its answer comes back" "$? $(tail -n 1 "$D/out")" "3 TERM"
rexec sleep 7201 {RESULTS}>&- &
pid=$!
check "one that sleeps" wait_for 20 running 7201
kill -KILL $pid
wait $pid 2>/dev/null
check "ends with rexec" wait_for 20 gone 7201
rexec --orphan --pid-file "$D/number" sleep 7202 {RESULTS}>&- &
pid=$!
check "an orphan" wait_for 20 running 7202
kill -KILL $pid
wait $pid 2>/dev/null
is "goes on" "$(S "pgrep -x -f 'sleep 7202'; pkill -x -f 'sleep 7202'")" "$(cat "$D/number")"

# ---- the link ----
rexec sleep 7203 2>"$D/complaint" {RESULTS}>&- &
pid=$!
check "one that runs when the link breaks" wait_for 20 running 7203
kill -KILL $PROXY
wait $PROXY
wait $pid
is "a lost link: 125" "$?" 125
check "and a reason" grep -q 'the server is lost' "$D/complaint"
check "whose end is the command's" wait_for 20 gone 7203
start_proxy
check "with the link it is back" wait_for 20 there
