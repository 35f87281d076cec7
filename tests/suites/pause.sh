#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# long
# timeout: 600
# guests: 1
# expect-log: engine has gone|has been waiting
# What the death of an engine costs who asks at that moment: from the signal to the answer by the next engine, beyond what
# the start of the process takes. KILLS says how often.
. "$(dirname "$0")/lib.sh"

D=/srv/pause
M=/mnt/pause
: "${KILLS:=60}" "${TARGET_MS:=300}"

check "the server starts" start_server || exit
S "rm -rf $D && mkdir $D && touch $D/f"
check "mount" mount_qtfs -o entry_timeout=0,attr_timeout=0,negative_timeout=0 $D $M || exit
check "the engine stops" stop_engine

# It starts engines as systemd does, after 100 ms (RestartSec of the unit). Its first line says how long the program takes to
# begin and to end.
cat >"$SCRATCH/supervise.pl" <<'PL'
use Time::HiRes qw(time);
$| = 1;
sub start {
	my $pid = fork // die;
	if (!$pid) { open STDOUT, ">>", "/run/qtfs/engine.log"; open STDERR, ">&STDOUT"; exec @_ or die; }
	return $pid;
}
my @starts;
for (1 .. 20) {
	my $from = time;
	waitpid start("/usr/sbin/qtfs-engine", "--version"), 0;
	push @starts, (time - $from) * 1000;
}
@starts = sort { $a <=> $b } @starts;
printf "%.1f\n", $starts[@starts / 2];
until (-e $ARGV[1]) {
	waitpid start("/usr/sbin/qtfs-engine", "--threads", "4", "--whitelist", $ARGV[0]), 0;
	select undef, undef, undef, 0.1;
}
PL
cat >"$SCRATCH/ask.pl" <<'PL'
use Time::HiRes qw(time sleep);
my ($file, $kills) = @ARGV;
my @pauses;
for (1 .. $kills) {
	for (1 .. 10) { defined((stat $file)[7]) or die "stat: $!" }
	sleep rand 0.2;
	my ($pid) = split " ", `pidof qtfs-engine`;
	my $from = time;
	kill 9, $pid or die "kill: $!";
	defined((stat $file)[7]) or die "stat: $!";
	push @pauses, (time - $from) * 1000;
}
@pauses = sort { $a <=> $b } @pauses;
printf "%.1f %.1f %.1f\n", $pauses[@pauses / 2], $pauses[int(@pauses * 0.99)], $pauses[-1];
PL
perl "$SCRATCH/supervise.pl" $WHITELIST "$SCRATCH/stop" >"$SCRATCH/start" 2>&1 &
supervisor=$!
check "an engine runs" wait_for 60 grep -qx running /sys/fs/qtfs_server/engine
check "$KILLS engines are killed, and each question is answered" eval 'perl "$SCRATCH/ask.pl" $M/f $KILLS >"$SCRATCH/pauses"'
touch "$SCRATCH/stop"
check "the last engine stops" stop_engine
wait $supervisor
read -r start <"$SCRATCH/start"
read -r p50 p99 most <"$SCRATCH/pauses"
echo "# the program begins and ends in $start ms; pauses: p50 $p50 ms, p99 $p99 ms, at most $most ms"
beyond=$(awk "BEGIN { printf \"%.0f\", $p99 - $start }")
check "p99 is $beyond ms beyond that, $TARGET_MS are the target" [ "$beyond" -le $((TARGET_MS * RIG_SLOW)) ]
check "another one starts" start_engine
check "umount" umount_qtfs $M
