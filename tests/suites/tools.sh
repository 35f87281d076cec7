#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# timeout: 420
# qtcfg and qtinfo: what they change is in force at once, what they say is true, and they never hang.
. "$(dirname "$0")/lib.sh"

D=/srv/tools
M=/mnt/tools

S "rm -rf $D && mkdir -p $D/in $D/out && echo inside >$D/in/f && echo outside >$D/out/f && chmod 644 $D/*/f"

# ---- without a server ----
fails_with_words() { # NAME STATUS REGEX CMD...
	local name=$1 expected=$2 regex=$3 status
	shift 3
	run_quietly "$@"
	status=$?
	if [ $status = "$expected" ] && grep -qE "$regex" "$SCRATCH/said"; then
		ok "$name"
	else
		not_ok "$name" "status $status: $(tail -n 3 "$SCRATCH/said" | tr '\n' ' ')"
	fi
}
fails_with_words "qtcfg says that no engine is there" 1 'no engine is running' S "qtcfg list"
whitelist_with() { # TEXT
	WHITELIST_WRITTEN=1
	S -i "mkdir -p ${WHITELIST%/*} && cat >$WHITELIST && chmod 600 $WHITELIST" <<<"$1"
}
whitelist_with "# the test's
[Mount]
Path=$D
[Open]
Path=$D/in
[Read]
Path=$D/in
[Readdir]
Path=$D
[Create]
Path=$D/in"
is "check works without an engine" "$(S "qtcfg check read $D/in/f 2>/dev/null | head -n 1")" "allowed: read $D/in/f"
check "validate" S qtcfg validate
S -i 'cat >/run/wrong' <<<$'[Open]\nPatch=/'
fails_with_words "validate names the line of a mistake" 1 '/run/wrong:2: unknown key' S "qtcfg validate /run/wrong"

check "the server starts" start_server || exit
check "mount" mount_qtfs -o entry_timeout=0,attr_timeout=0,negative_timeout=0,cache=none $D $M || exit

# ---- live edits ----
is "the list" "$(S "qtcfg -w open -z")" "[Open]
  [index:0][path:$D/in]  line 5"
fails_with "before the edit" EACCES cat $M/out/f
exec {open}<$M/in/f
check "add" S "qtcfg -w open -x $D/out && qtcfg -w read -x $D/out"
is "what was added is allowed at once" "$(cat $M/out/f)" outside
exec {out}<$M/out/f
is "a file that is open is read" "$(head -c 4 <&$out)" outs
check "add what is there already" S "qtcfg -w read -x $D/out/ | grep -q 'already in'"
check "remove by index" S "qtcfg -w read -y 1 | grep -q 'removed $D/out'"
fails_with "what was removed is refused at once" EACCES cat $M/out/f
fails_with "also to a file that is open" EACCES "cat <&$out"
is "and others go on" "$(head -c 6 <&$open)" inside
exec {out}<&- {open}<&-
is "the file is as it was" "$(S "grep -c out $WHITELIST")" 0
fails_with_words "no such index" 1 'has no item 7' S "qtcfg -w open -y 7"
fails_with_words "no such section" 2 'no section "opem"' S "qtcfg -w opem -z"
fails_with_words "a relative path" 1 'begin with' S "qtcfg -w open -x etc"
fails_with_words "an item with a line break" 1 "can't hold" S "qtcfg -w open -x \$'/a\n[Write]\nPath=/'"
fails_with_words "not root" 1 'root alone' S "setpriv --reuid 1000 --clear-groups qtcfg list"

# ---- a younger section begins with what governed it ----
check "add to a section that isn't there" S "qtcfg -w link -x $D/out"
is "keeps what was allowed" "$(S "qtcfg -w link -z")" "[Link]
  [index:0][path:$D/in]  line $(S "qtcfg show" | grep -n . | grep -A1 '\[Link\]' | tail -n 1 | cut -d: -f1)
  [index:1][path:$D/out]  line $(S "qtcfg show" | grep -n . | grep -A2 '\[Link\]' | tail -n 1 | cut -d: -f1)"

# ---- check ----
fails_with_words "check: refused, and by what" 1 "\[Read\] +refused: no item covers it" S "qtcfg check read $D/out/f"
fails_with_words "check: a section that is missing" 1 "\[Write\] +refused: there is no such section" S "qtcfg check write $D/in/f"
check "check: allowed, and by which line" S "qtcfg check read $D/in/f | grep -qE '\[Read\] +allowed by $WHITELIST:8: $D/in'"
S "chmod 600 $D/in/f"
fails_with_words "check: for a user" 1 'user 1000 +refused by this machine: Permission denied' S "qtcfg check read $D/in/f --uid 1000"
check "check: in JSON" "S 'qtcfg --json check read $D/in/f --uid 0' | python3 -c 'import json,sys; v = json.load(sys.stdin); assert v[\"allowed\"] and v[\"sections\"][1][\"line\"] == 5, v'"
fails_with_words "check: no such operation" 2 'there is no operation' S "qtcfg check fly $D"

# ---- save and reload ----
check "save" S "qtcfg save"
is "the file has the edits, the comment and its mode" \
	"$(S "head -n 1 $WHITELIST; grep -c '^Path=$D/out' $WHITELIST; stat -c %a $WHITELIST")" $'# the test\'s\n2\n600'
check "add and save at once" S "qtcfg -w write -x $D/in --save && grep -q 'Write' $WHITELIST"
S "echo '# by hand' >>$WHITELIST"
check "add without saving" S "qtcfg -w mkdir -x $D/in"
fails_with_words "somebody else's change isn't overwritten" 1 'has been changed since' S "qtcfg save"
check "reload" S "qtcfg reload"
fails_with "drops what was not saved" EACCES mkdir $M/in/new
S "echo nonsense >>$WHITELIST"
fails_with_words "a mistake isn't loaded" 1 'stays' S "qtcfg reload"
is "and what was in force stays" "$(cat $M/in/f)" inside
S "sed -i '/nonsense/d' $WHITELIST"
stop_engine KILL
fails_with_words "with the engine killed it says so at once" 1 'no engine is running' S "timeout 3 qtcfg list"
check "another engine takes the socket over" start_engine
check "and answers" S "qtcfg -z"
is "with what was saved" "$(S "qtcfg --json -w write -z | grep -c $D/in")" 1
check "umount" umount_qtfs $M

# ---- qtinfo ----
json() { # EXPRESSION over v, of the JSON on standard input
	python3 -c "import json,sys; v = json.load(sys.stdin); assert $1, v"
}
whitelist
S "qtcfg reload"
check "mount for qtinfo" mount_qtfs $D $M || exit
check "all is well" "qtinfo | grep -q '^All is well'"
check "the summary names the mount" "qtinfo | grep -qF '$M from $D: connected'"
check "and is JSON" "qtinfo --json | json 'v[\"well\"] and v[\"pings\"][0][\"ns\"] > 0'"
check "on the server, too" S "qtinfo | grep -q 'engine running, pid'"
check "bench" "qtinfo bench --ms 200 $M | grep -q '^read-1m .*MiB'"
check "bench as JSON" "qtinfo bench --ms 50 --streams 2 --json $M | json 'all(m[\"requests\"] > 0 and m[\"mean_us\"] >= m[\"min_us\"] > 0 for m in v[\"measurements\"])'"
fails_with_words "bench of what isn't mounted" 1 '/nowhere: no mount of qtfs' qtinfo bench /nowhere
fails_with "the module takes no larger request" EINVAL "echo 0 9999999 10 >/sys/kernel/debug/qtfs/*/bench"
check "ping" "qtinfo ping | grep -q '$M: [0-9]'"

qtinfo -c
for i in 1 2 3 4 5 6 7; do stat -f $M; done >"$SCRATCH/said"
is "operations are counted" "$(qtinfo --json stats | python3 -c '
import json, sys
print([(o["count"], o["errors"], sum(b["count"] for b in o["latency"]), o["ns"] > 0)
	for m in json.load(sys.stdin)["mounts"] for o in m["ops"] if o["op"] == "STATFS"])')" "[(7, 0, 7, True)]"
mkdir $M/in 2>/dev/null
check "and errors" "qtinfo --json stats | json '[o for m in v[\"mounts\"] for o in m[\"ops\"] if o[\"errors\"]] or v[\"mounts\"]'"
dd if=/dev/zero of=$M/data bs=65536 count=16 conv=fsync 2>/dev/null
check "and bytes, on the server, too" "S 'qtinfo --json stats' | json '[o for o in v[\"server\"] if o[\"op\"] == \"WRITE\" and o[\"bytes\"] >= 1048576]'"
check "a histogram is drawn" "qtinfo stats STATFS | grep -qE '^ +(<|>=) .* [1-9][0-9]* \|#+'"
check "mountstats" "sed -n '/fstype qtfs/,\$p' /proc/self/mountstats | grep -qE '^\s+STATFS 7 0 0 [1-9]'"
check "for Prometheus" "qtinfo stats --prometheus | grep -q '^qtfs_operations_total{side=\"client\",mount=\"$M\",op=\"STATFS\"} 7'"
mkfifo "$SCRATCH/ends"
exec {open}<>$M/data
check "open files of clients" "S 'qtinfo --json opens' | json 'v[0][\"opens\"] == 1 and v[0][\"locks\"] == 0'"
flock $open
python3 -c '
import fcntl, sys
with open(sys.argv[1], "r+b") as file:
	fcntl.lockf(file, fcntl.LOCK_EX, 1, 0)
	fcntl.lockf(file, fcntl.LOCK_SH, 1, 9)
	input()' $M/data <"$SCRATCH/ends" &
locker=$!
exec {ends}>"$SCRATCH/ends"
check "and their locks, of both kinds" wait_for 10 "S 'qtinfo --json opens' | json 'v[0][\"locks\"] == 3'"
echo >&$ends
exec {ends}>&- {open}<&-
wait $locker
check "which go with the files" wait_for 10 "S 'qtinfo --json opens' | json 'v[0][\"locks\"] == 0'"
for command in connections caches inflight opens stats -t "-p 1" -a; do
	check "qtinfo $command" "qtinfo $command >/dev/null"
done
for command in connections caches inflight opens stats ping log; do
	check "qtinfo $command in JSON" "qtinfo --json $command | json 'True'"
done
qtinfo trace STATFS --count 1 --seconds 20 >"$SCRATCH/trace" &
trace=$!
check "trace sets itself up" wait_for 10 "ls -d /sys/kernel/tracing/instances/qtinfo.*"
until ! kill -0 $trace 2>/dev/null; do stat -f $M >"$SCRATCH/said"; done
check "trace tells an operation with its tag" "grep -qE '(client|server) [0-9]+/[0-9]+/[0-9]+ +STATFS +ok' '$SCRATCH/trace'"
check "and leaves nothing" "! ls -d /sys/kernel/tracing/instances/qtinfo.* 2>/dev/null"
check "top" "qtinfo top --count 1 --interval 0.2 | grep -q '^client'"
is "top in JSON, line by line" "$(qtinfo --json top --count 2 --interval 0.2 | while read -r line; do json 'v["seconds"] > 0.1 and v["in_flight"] >= 0 and type(v["client"]) is list' <<<"$line" && echo good; done)" \
	"good"$'\n'"good"
check "all at once is one JSON" "qtinfo -a --json | json 'v[\"well\"] and v[\"stats\"]'"
echo "$D $M/elsewhere qtfs defaults 0 0" >>/etc/fstab
fails_with_words "what fstab mounts and isn't mounted" 1 "$M/elsewhere: in /etc/fstab" qtinfo
sed -i '\|/elsewhere|d' /etc/fstab
check "dump" "qtinfo dump $SCRATCH/dump && json 'v[\"files\"]' <$SCRATCH/dump"

# ---- log levels ----
check "a level is set" "qtinfo -l debug && grep -q '\[DEBUG\]' /sys/kernel/debug/qtfs/log && [ \$(cat /sys/module/qtfs/parameters/qtfs_log_level) = DEBUG ]"
check "by the keyword in debugfs" "echo ERROR >/sys/kernel/debug/qtfs/log && qtinfo log | grep -q 'qtfs: ERROR'"
for file in /sys/kernel/debug/qtfs/log /sys/kernel/debug/qtfs_server/log; do
	fails_with "a bad keyword: $file" EINVAL S "modprobe qtfs; echo LOUD >$file"
done
echo WARN >/sys/kernel/debug/qtfs/log

# ---- when things are not well ----
for i in 1 2 3 4; do
	check "mount $i beside it" mount_qtfs $D $M$i
done
stop_engine
fails_with_words "no engine: not well, and says so" 1 'no engine is running' S "timeout 20 qtinfo"
fails_with_words "a mount that doesn't answer is told and not waited for" 1 "$M: doesn't answer" "timeout 20 qtinfo"
begin=${EPOCHREALTIME/./}
is "none of many" "$(qtinfo ping | grep -c 'timed out')" 5
took=$(((${EPOCHREALTIME/./} - begin) / 1000))
check "nor one after the other: $took ms" test $took -lt $((6000 * RIG_SLOW))
stat -f $M >"$SCRATCH/said" 2>&1 &
waiting=$!
check "what waits is shown" wait_for 5 "qtinfo --json inflight | json '[r for r in v if r[\"op\"] == \"STATFS\" and r[\"side\"] == \"client\"]'"
check "on the server, too" "S 'qtinfo inflight' | grep -qE 'STATFS +queued'"
check "the engine comes back, with an audit log" start_engine --audit /run/qtfs/audit.log
wait $waiting
check "and all is well" wait_for 5 "qtinfo | grep -q '^All is well'"
for i in 1 2 3 4; do
	check "umount $i" umount_qtfs $M$i
done

# ---- the audit log ----
audited() { # OP PATH RESULT
	wait_for 5 S "grep -F '\"op\":\"$1\",\"path\":\"$2\"' /run/qtfs/audit.log | grep -qF '\"result\":\"$3\"'"
}
S "rm -rf $D/a"
mkdir $M/a
mv $M/a $M/b
rmdir $M/b
check "audit: what was done" audited MKDIR $D/a OK
rmdir $M/in 2>/dev/null
check "audit: what failed" audited RMDIR $D/in ENOTEMPTY
check "audit: both names" audited RENAME "$D/a\",\"path2\":\"$D/b" OK
check "audit: by whom" S "grep MKDIR /run/qtfs/audit.log | grep -qE '\"uid\":0,.*\"pid\":[1-9]'"
check "audit: root alone reads it" S '[ $(stat -c %a /run/qtfs/audit.log) = 600 ]'

# ---- man pages say what --help says ----
for page in qtinfo.1 qtcfg.1 qtrun.1 rexec.1 qtfs-engine.8 rexec_server.8 udsproxyd.8; do
	completion=/usr/share/bash-completion/completions/${page%.*}
	[ -e "$completion" ] || completion=/usr/share/bash-completion/completions/rexec # both ends in one
	text=$(sed 's/\\//g' "/usr/share/man/man${page##*.}/$page")
	for command in $("${page%.*}" --help 2>/dev/null | sed '1,/^Subcommands:/d' | grep -oE '^  [a-z]+'); do
		grep -qE "^\.B $command\b" <<<"$text" || not_ok "$page tells of $command"
		grep -qw -- "$command" "$completion" || not_ok "completion of ${page%.*} knows $command"
	done
	for option in $({ "${page%.*}" --help-all || "${page%.*}" --help; } 2>/dev/null | grep -oE -- '(^|[ ,])--[a-z-]+' | tr -d ' ,' | sort -u); do
		grep -qF -- "$option" <<<"$text" || not_ok "$page tells of $option"
		grep -qF -- "$option" "$completion" || [ "$option" = --help-all ] || not_ok "completion of ${page%.*} knows $option"
	done
done

for section in $(S "qtcfg --json list" | sed -n 's/.*"section": *"\([A-Za-z]*\)".*/\1/p'); do
	grep -q "\b$section\b" /usr/share/man/man5/qtfs-whitelist.5 || not_ok "qtfs-whitelist.5 tells of $section"
	grep -qE "^\| .*\b$section\b.* \|" /opt/qtfs/docs/README.md || not_ok "README tells of $section"
done

# ---- what README and operations.md name beside their blocks is done; top and trace go on for ever ----
named() { # PROGRAM
	grep -ohE "\`$1( [^\`]*)?\`" /opt/qtfs/docs/README.md /opt/qtfs/docs/operations.md | tr -d '\`' | sort -u |
		sed "s|FILE|$SCRATCH/named|; s/TYPE\|OPERATION/read/; s|PATH|$D|; s/INDEX\|USER/0/"
}
while read -r command; do
	limit=60
	[[ $command != qtinfo\ t* ]] || limit=4
	timeout $((limit * RIG_SLOW)) bash -c "$command" </dev/null >"$SCRATCH/said" 2>&1
	status=$?
	[[ $status = 0 || $status = 124 && $command = qtinfo\ t* ]] || not_ok "the documents' $command" "status $status: $(tail -n 2 "$SCRATCH/said")"
done < <(named qtinfo)
while read -r command; do
	check "the documents' $command" S "$command" </dev/null
done < <(named qtcfg | grep ' ')
whitelist
check "what they have changed is gone" reload_engine
check "umount" umount_qtfs $M

# ---- a mount that waits for its server, as when both boot ----
if [ "$TRANS" = tcp ]; then
	stop_engine
	S "rmmod qtfs_server"
	mount_qtfs -o retry=100 $D $M >"$SCRATCH/retry" 2>&1 &
	mounting=$!
	check "a mount says that it waits for the server" wait_for 60 grep -q 'trying again for 100 s' "$SCRATCH/retry"
	check "which starts" start_server
	wait $mounting
	is "and then is there" "$? $(stat -f -c %T $M 2>&1 | head -c 1 | wc -c) $(grep -c " $M qtfs" /proc/mounts)" "0 1 1"
	check "umount" umount_qtfs $M
	whitelist Mount=/nowhere
	reload_engine
	fails_with_words "what is refused isn't tried again" 32 '[Pp]ermission denied|read-only' timeout $((30 * RIG_SLOW)) mount -t qtfs -o "$(transport_options),retry=100" $D $M
	whitelist
	reload_engine
fi
fails_with_words "a wrong time" 1 'retry=x: seconds' mount -t qtfs -o "$(transport_options),retry=x" $D $M
