#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# timeout: 600
# guests: any
# rexec: a command that is executed through it does what it does when it is started here. Needs no modules, and runs
# without a guest as well: REXEC and REXEC_SERVER_PROGRAM name the programs, REXEC_RUNS and REXEC_BYTES how much.
. "$(dirname "$0")/lib.sh"

: "${REXEC:=rexec}" "${REXEC_SERVER_PROGRAM:=rexec_server}" "${REXEC_RUNS:=100}" "${REXEC_BYTES:=16777216}"
export REXEC
D=$SCRATCH
SOCKET=$D/server.sock
export REXEC_SERVER=$SOCKET
chmod 755 "$D"
cd "$D" || exit

# ---- a server ----
cat >whitelist <<'END'
sh
bash
cat
cksum
dd
env
false
head
id
sleep
true
# arguments are judged, too
/usr/bin/expr 1 + *
/usr/bin/uptime ""
@env PASSED
END
start_rexec_server() { # [OPTIONS]
	setsid "$REXEC_SERVER_PROGRAM" --socket "$SOCKET" --whitelist "$D/whitelist" "$@" </dev/null >>"$D/log" 2>&1 &
	REXEC_SERVER_PID=$!
	wait_for 10 test -S "$SOCKET"
}
stop_rexec_server() { # [SIGNAL]
	kill "-${1:-TERM}" "$REXEC_SERVER_PID"
	wait "$REXEC_SERVER_PID" 2>/dev/null
	REXEC_SERVER_PID=
}
end_suite() {
	local status=$?
	[ -z "$REXEC_SERVER_PID" ] || kill "$REXEC_SERVER_PID"
	cp "$D/log" /tmp/rexec-suite.log 2>/dev/null
	(exit $status)
	tidy
}
trap end_suite EXIT

refused() { # NAME STATUS REGEX CMD...
	local name=$1 expected=$2 regex=$3 status
	shift 3
	with_timeout 20 bash -c '"$@" 2>&1' - "$@" >"$SCRATCH/said" {RESULTS}>&-
	status=$?
	if [ "$status" = "$expected" ] && grep -qE "$regex" "$SCRATCH/said"; then
		ok "$name"
	else
		not_ok "$name" "status $status: $(tail -n 3 "$SCRATCH/said" | tr '\n' ' ')"
	fi
}

printf 'cat\n\n/usr/bin/env "x\n' >wrong
refused "a mistake in the whitelist keeps the server from starting" 1 "$D/wrong:3: " \
	"$REXEC_SERVER_PROGRAM" --socket "$SOCKET" --whitelist "$D/wrong"
refused "without a server" 125 "does rexec_server run" "$REXEC" true
check "the server starts" start_rexec_server || exit
refused "but not twice" 1 'listening there already' "$REXEC_SERVER_PROGRAM" --socket "$SOCKET" --whitelist "$D/whitelist"

# ---- parity: a line of shell with $X before a command, which is nothing or rexec ----
outcome() { # PREFIX LINE
	X=$1 with_timeout 20 bash -c "exec 2>'$D/err'; $2" >"$D/out" </dev/null {RESULTS}>&-
	echo "status $?"
	cat "$D/out"
	echo "errors:"
	cat "$D/err"
}
same() { # NAME LINE
	is "$1" "$(outcome "$REXEC" "$2")" "$(outcome "" "$2")"
}

same "exit status 0" '$X true'
same "exit status 1" '$X false'
same "exit status 42" '$X sh -c "exit 42"'
same "exit status 255" '$X sh -c "exit 255"'
for signal in TERM KILL HUP INT QUIT USR1 SEGV ABRT PIPE; do
	same "death by SIG$signal" "\$X sh -c 'kill -$signal \$\$'"
done
same "its arguments" '$X sh -c '\''for a; do echo "<$a>"; done'\'' x "" "a  b" "*" \\ "'\''" "$(echo; echo y)"'
same "output and errors apart" '$X sh -c "echo out; echo err >&2"'
same "output and errors on one pipe keep their order" \
	'{ $X sh -c "for i in 1 2 3 4 5; do echo out \$i; echo err \$i >&2; done"; } 2>&1 | cat'
same "end of input" 'echo hi | $X cat'
same "empty input" '$X cat </dev/null'
same "a long input" 'seq 300000 | $X cksum'
same "a long output" '$X sh -c "seq 300000" | cksum'
same "input from a file" 'seq 1000 >in; $X cat <in'
same "which shares its offset" 'seq 1000 >in; { read a; $X head -c 10; read b; echo "$a $b"; } <in'
same "output to a file, which is appended to" 'echo 1 >f; $X sh -c "echo 2; echo 3 >&2" >>f 2>&1; cat f; rm f'
same "output to a file and back" '{ echo 1; $X echo 2 2>/dev/null || $X sh -c "echo 2"; echo 3; } >f; cat f; rm f'
same "a reader who goes away" '$X sh -c "while echo y; do :; done" 2>/dev/null | head -n 2; echo "${PIPESTATUS[0]}"'
same "an input that nobody reads" 'while echo y; do :; done 2>/dev/null | $X true; echo "${PIPESTATUS[1]}"'
same "output that is closed early is ended" \
	'$X sh -c "echo x; exec >&-; read never" <f 2>/dev/null | cat; echo over'
same "no input at all" '$X sh -c "cat; echo \$?" <&- 2>&1 | sed s/.*:.*://'
same "no output at all" '$X sh -c "echo x" >&- 2>/dev/null'
same "what its children write later" '{ $X sh -c "(sleep 0.5; echo late) & echo now"; echo status $?; } | cat'
same "and its status doesn't wait for that" \
	'$X sh -c "sleep 30 2>/dev/null & echo \$!" >pid; echo $?; kill $(cat pid)'
same "a further descriptor: a file" 'echo data >in; $X sh -c "cat <&7" 7<in'
same "a pipe" '{ $X sh -c "echo through >&5" 5>&1 >/dev/null; } | cat'
same "a pipe to read from" '$X cat 0<&8 8< <(echo from)'
same "a directory" '$X sh -c "cd /proc/self/fd/6 && pwd -P" 6</usr'
same "no other descriptors than these" '$X sh -c "echo /proc/self/fd/*" </dev/null | tr " " "\n" | wc -l'
same "the working directory" 'cd /usr/lib && $X sh -c pwd'
same "the umask" 'umask 031; $X sh -c umask'
same "limits" 'ulimit -S -n 99; ulimit -c 0; ulimit -S -t 1000; $X sh -c "ulimit -a"'
same "few descriptors" 'ulimit -S -n 6; echo few | $X cat'
same "ignored signals" 'trap "" HUP USR2; $X sh -c "grep -E ^Sig[IB] /proc/self/status"'
same "user, group and groups" '$X id'
same "another user's" 'setpriv --reuid 1234 --regid 2345 --groups 4,5 $X id'
same "who has no capabilities" \
	'setpriv --reuid 1234 --regid 2345 --clear-groups $X sh -c "grep -E ^Cap[PE] /proc/self/status"'
same "root who can't have all capabilities" \
	'setpriv --bounding-set=-sys_admin,-net_raw $X sh -c "grep -E ^Cap[PEB] /proc/self/status"'
same "whom executing gives nothing" \
	'setpriv --no-new-privs $X sh -c "grep NoNewPrivs /proc/self/status"'
same "a script without #!" 'echo "echo script \$1" >script; chmod +x script; $X sh script 5; rm script'
same "a variable that is passed" 'PASSED="a b" $X sh -c "echo \$PASSED"'
same "the language" 'LC_ALL=C $X sh -c "echo \$LC_ALL"'
is "others aren't" "$(SECRET=1 LD_LIBRARY_PATH=/evil HOME=/evil "$REXEC" env | grep -cE 'SECRET|evil')" 0

# ---- what must not be ----
refused "a command that isn't listed" 126 "/usr/bin/touch: not allowed: .*$D/whitelist" "$REXEC" touch "$D/x"
refused "one that isn't there" 127 "nosuch: command not found" "$REXEC" nosuch
refused "arguments that match" 0 '^3$' "$REXEC" expr 1 + 2
refused "arguments that don't" 126 'not allowed with these arguments' "$REXEC" expr 1 - 2
refused "no arguments" 126 'not allowed with these arguments' "$REXEC" uptime -s
ln -s /usr/bin/touch cat
refused "another name of what isn't listed" 126 '/usr/bin/touch: not allowed' "$REXEC" ./cat "$D/x"
rm cat
cp /usr/bin/touch cat
refused "another file of that name" 126 "$D/cat: not allowed" "$REXEC" "$D/cat" "$D/x"
rm cat
check "nothing of that was executed" test ! -e "$D/x"
(cd "$(mktemp -d "$D/gone.XXXX")" && rmdir "$PWD" && refused "a working directory that is gone" 125 'working directory' "$REXEC" true)
refused "one that isn't there" 126 'working directory /nowhere' "$REXEC" --cwd /nowhere true
refused "a file that may not be executed" 126 'Permission denied' "$REXEC" /etc/passwd
refused "too many bytes of arguments" 126 'Argument list too long' bash -c '"$REXEC" true $(seq 300000) 2>&1 || exit 126'
refused "a wrong option" 125 'bogus' "$REXEC" --bogus true
# shellcheck disable=SC2016
is "who isn't root can't become root" "$(setpriv --reuid 1234 --regid 1234 --clear-groups "$REXEC" id -u)" 1234
echo touch >>whitelist
refused "a new line isn't in force yet" 126 'not allowed' "$REXEC" touch "$D/x"
kill -HUP "$REXEC_SERVER_PID"
check "but after SIGHUP" wait_for 10 "$REXEC" touch "$D/x"
echo '"' >>whitelist
kill -HUP "$REXEC_SERVER_PID"
check "a mistake is logged" wait_for 10 grep -q "whitelist:1[0-9]: .*quote" "$D/log"
check "and changes nothing" "$REXEC" touch "$D/x"
sed -i '$d' whitelist

# ---- signals, death ----
running() { # WORD: a process that has it as its only argument
	pgrep -x -f "sleep $1" >/dev/null
}
gone() { # WORD
	! running "$1"
}
"$REXEC" bash -c 'trap "echo USR1" USR1; trap "echo TERM; exit 3" TERM; echo ready; while :; do sleep 0.05; done' >out &
pid=$!
wait_for 10 grep -q ready out
is "its number there is known here" "$(tr '\0' ' ' <"/proc/$(cat /run/rexec/pids/$pid)/cmdline" | cut -c1-7)" "bash -c"
kill -USR1 $pid
check "a signal reaches it" wait_for 10 grep -q USR1 out
kill -TERM $pid
wait $pid
is "and its answer comes back" "$? $(tail -n 1 out)" "3 TERM"
check "its note goes with it" test ! -e /run/rexec/pids/$pid

# As a job of its own: the kernel doesn't stop an orphaned process group, and then nor does rexec.
set -m
env --default-signal=TSTP "$REXEC" sleep 7101 &
pid=$!
set +m
wait_for 10 running 7101
kill -TSTP $pid
check "a stop stops it" wait_for 10 eval "ps -o stat= -p \$(pgrep -x -f 'sleep 7101') | grep -q T"
check "and rexec" wait_for 10 eval "ps -o stat= -p $pid | grep -q T"
kill -CONT $pid
check "and it goes on" wait_for 10 eval "! ps -o stat= -p \$(pgrep -x -f 'sleep 7101') | grep -q T"
kill -KILL $pid
wait $pid 2>/dev/null
check "rexec's death is its end" wait_for 10 gone 7101

"$REXEC" --grace 0.3 bash -c 'trap "" TERM; echo ready; sleep 7102; sleep 7102' >out &
pid=$!
wait_for 10 grep -q ready out
wait_for 10 running 7102
kill -KILL $pid
wait $pid 2>/dev/null
check "also if it doesn't want to" wait_for 10 gone 7102

"$REXEC" --orphan --pid-file number sleep 7103 &
pid=$!
wait_for 10 running 7103
kill -KILL $pid
wait $pid 2>/dev/null
is "an orphan goes on" "$(pgrep -x -f 'sleep 7103')" "$(cat number)"
kill "$(cat number)"
is "what is detached has a number" "$("$REXEC" --detach sleep 7104)" "$(pgrep -x -f 'sleep 7104')"
pkill -x -f 'sleep 7104'

# ---- a terminal ----
is "a terminal" "$("$REXEC" -t sh -c 'tty; exit 3' </dev/null | tr -d '\r'; echo "${PIPESTATUS[0]}")" \
	"$("$REXEC" -t sh -c tty </dev/null | tr -d '\r')
3"
check "is one there" 'script -qec "$REXEC -t sh -c \"test -t 0 && test -t 1 && test -t 2\"" /dev/null'
is "has the caller's size" "$(script -qec 'stty rows 33 cols 99; $REXEC -t sh -c "stty size"' /dev/null </dev/null |
	tr -dc '0-9 ')" "33 99"
{
	wait_for 10 grep -q here typed
	printf 'abc\n'
	wait_for 10 grep -q '<abc>' typed
	printf '\003'
	wait_for 10 grep -q INT typed
} | script -qefc '$REXEC -t bash -c "trap \"echo INT; exit 5\" INT; echo here; read -r a; echo \"<\$a>\"; while :; do sleep 0.05; done"' \
	typed >/dev/null
is "^C goes to the command alone, whose status comes back" "$?" 5
with_timeout 10 "$REXEC" -t sh -c 'sleep 7107 & exit 3' </dev/null >/dev/null
is "its end doesn't wait for who is left on it" "$?" 3
check "but they get SIGHUP" wait_for 10 gone 7107
mkfifo keys
script -qefc 'set -m; $REXEC -t cat; echo "stopped $?"; fg >/dev/null; echo "ended $?"' typed <keys >/dev/null &
pid=$!
exec {keys}>keys
printf 'first\n' >&$keys
check "what is typed is echoed, and read" wait_for 10 eval '[ $(grep -c first typed) -ge 2 ]'
printf '\032' >&$keys
check "^Z stops it, and rexec" wait_for 10 grep -q 'stopped 14[78]' typed
printf 'second\n' >&$keys
check "fg continues both" wait_for 10 eval '[ $(grep -c second typed) -ge 2 ]'
printf '\004' >&$keys
check "^D ends it" wait_for 10 grep -q 'ended 0' typed
exec {keys}>&-
wait $pid

# ---- much ----
head -c "$REXEC_BYTES" /dev/urandom >big
sum=$(cksum <big)
# shellcheck disable=SC2002
is "$REXEC_BYTES bytes through a pipe in and a pipe out" "$(cat big | "$REXEC" cat | cksum)" "$sum"
is "from a file to a pipe" "$("$REXEC" cat <big | cksum)" "$sum"
# shellcheck disable=SC2002
is "from a pipe to a file" "$(cat big | "$REXEC" cat >copy && cksum <copy)" "$sum"
rm big copy
mkfifo stuck
exec {stuck}<>stuck
"$REXEC" bash -c 'head -c 1000000 /dev/zero >&9 & head -c 2000000 /dev/zero; wait' 9>stuck >out &
pid=$!
check "a reader who is stuck holds up nothing else" wait_for 20 eval '[ $(stat -c %s out) = 2000000 ]'
is "and gets it all in the end" "$(head -c 1000000 <&$stuck | wc -c)" 1000000
wait $pid
is "as does the command" $? 0
exec {stuck}<&-
mkdir runs
for ((i = 0; i < REXEC_RUNS; i++)); do
	(
		echo "$i" | "$REXEC" sh -c "cat; exit $((i % 100))" >"runs/$i"
		echo $? >>"runs/$i"
	) &
	mine[i]=$!
done
wait "${mine[@]}"
wrong=0
for ((i = 0; i < REXEC_RUNS; i++)); do
	[ "$(tr '\n' ' ' <"runs/$i")" = "$i $((i % 100)) " ] || wrong=$((wrong + 1))
done
is "$REXEC_RUNS at a time" "$wrong" 0
check "leave nothing behind in the server" wait_for 10 eval "[ \$(ls /proc/$REXEC_SERVER_PID/fd | wc -l) -le 7 ]"

# ---- through what carries bytes alone ----
socat "UNIX-LISTEN:$D/proxy.sock,fork" "UNIX-CONNECT:$SOCKET" 2>>"$D/log" &
proxy=$!
wait_for 10 test -S proxy.sock
export REXEC_SERVER=$D/proxy.sock
same "through a proxy: pipes" 'seq 100000 | $X cksum'
same "a file as input" 'seq 100000 >in; $X cksum <in'
same "a file as output" '$X sh -c "seq 100000; echo x >&2" >f 2>&1; cksum <f; rm f'
same "a status" '$X sh -c "exit 9"'
refused "a further file can't be had" 125 'descriptor 7 .*not supported' bash -c '"$REXEC" true 7</etc/passwd'
check "and is left out on demand" '"$REXEC" --stdio-only true 7</etc/passwd'
REXEC_SERVER=$SOCKET
"$REXEC" --pid-file began sleep 7105 2>out &
pid=$!
# The caller knows a moment after the process is there.
wait_for 10 test -s began
stop_rexec_server
wait $pid
is "a lost server: 125" "$?" 125
check "and a reason" grep -q 'the server is lost' out
check "whose end is the command's" wait_for 10 gone 7105
kill $proxy
check "it starts again" start_rexec_server
"$REXEC" sleep 7106 2>/dev/null &
pid=$!
wait_for 10 running 7106
stop_rexec_server KILL
wait $pid
is "a server that is killed: 125" "$?" 125
check "whose end is the command's, too" wait_for 10 gone 7106

# ---- who doesn't keep to the rules ----
check "it starts after that" start_rexec_server
for garbage in 'GET / HTTP/1.1\r\n\r\n' '\377\377\377\377\002\0\0\0' '\0\0\0\0\005\0\0\0\0' \
	'\010\0\0\0\002\0\0\0rexc\002\0\0\0' '\004\0\0\0\014\0\0\0\0\0\0\0'; do
	# shellcheck disable=SC2059
	printf "$garbage" | with_timeout 20 socat -t 0.2 - "UNIX-CONNECT:$SOCKET" >/dev/null 2>&1
done
for _ in 1 2 3 4 5 6 7 8; do
	head -c 100000 /dev/urandom | with_timeout 20 socat -t 0.2 - "UNIX-CONNECT:$SOCKET" >/dev/null 2>&1
done
check "garbage does it no harm" "$REXEC" true
check "it stops" stop_rexec_server
check "and removes its socket" test ! -e "$SOCKET"

# ---- who wants more than his share ----
check "it starts for few" start_rexec_server --max-commands 4
holders=()
for i in 1 2 3 4 5 6 7 8; do
	setpriv --reuid 1234 --regid 1234 --clear-groups socat -u "UNIX-CONNECT:$SOCKET" - >"held$i" {RESULTS}>&- &
	holders+=($!)
	wait_for 10 eval "[ -s held$i ] || ! kill -0 $!"
done
check "what a user is refused keeps nobody else out" "$REXEC" true
refused "he himself has to wait" 126 'the user has 1 commands already' \
	setpriv --reuid 1234 --regid 1234 --clear-groups "$REXEC" true
kill "${holders[@]}" 2>/dev/null
wait "${holders[@]}" 2>/dev/null
check "and has his share again then" wait_for 10 \
	setpriv --reuid 1234 --regid 1234 --clear-groups "$REXEC" true
stop_rexec_server
