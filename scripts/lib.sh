# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# What scripts/demo and scripts/test share. Sourced, with the working folder at
# the top of the repository.

build=${QTFS_BUILD:-build}
logs=$build/logs
mkdir -p "$logs"

# step TITLE COMMAND...: runs it with its output in a log, shows that it is alive,
# and how long it took. A failure shows the log's end and ends the script.
step()
{
	local title=$1 log begin=$SECONDS pid status=0
	shift
	log=$logs/$(tr -cs 'a-zA-Z0-9' - <<<"$title" | sed 's/-$//').log

	printf '%-52s' "$title"
	"$@" >"$log" 2>&1 </dev/null &
	pid=$!
	if test -t 1; then
		while kill -0 "$pid" 2>/dev/null; do
			printf '\r%-52s%4d s' "$title" "$((SECONDS - begin))"
			sleep 1
		done
		printf '\r%-52s' "$title"
	fi
	wait "$pid" || status=$?
	if test "$status" -ne 0; then
		printf 'FAILED after %d s (exit status %d)\n' "$((SECONDS - begin))" "$status"
		printf '%s\n' "--- the end of $log:"
		tail -n "${QTFS_LOG_LINES:-40}" "$log"
		return "$status"
	fi
	printf '%4d s\n' "$((SECONDS - begin))"
}

# Needs root: packages are installed, and the rig makes file systems.
need_root()
{
	if test "$(id -u)" -ne 0; then
		echo "$0: run it as root: it installs packages and boots virtual machines" >&2
		exit 1
	fi
}

configure()
{
	local kdir
	kdir=$(tests/vm/rig kdir) &&
		cmake -S . -B "$build" -DCMAKE_BUILD_TYPE=RelWithDebInfo -DQTFS_KDIR="$kdir" \
			-DQTFS_FAULT="${QTFS_FAULT:-OFF}"
}

stage()
{
	rm -rf "$build/stage" &&
		DESTDIR=$PWD/$build/stage cmake --install "$build"
}

# Suites whose header says "# long" are not part of the usual run.
usual_suites()
{
	grep -L '^# long' tests/suites/*.sh | sed 's|.*/||; s|\.sh$||' | grep -v '^lib$' | paste -sd,
}
