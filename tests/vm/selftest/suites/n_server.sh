#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# shellcheck source=../../../suites/lib.sh
. "$(dirname "$0")/lib.sh"
check "the server starts" start_server
check "its engine runs" S pidof qtfs-engine
is "the whitelist has all sections" "$(S "grep -c '^Path=/$' $WHITELIST")" "$(wc -w <<<"$WHITELIST_SECTIONS")"
whitelist Open=/srv Kill=
is "a whitelist can be made to measure" "$(S "grep -A1 Open $WHITELIST; grep -c Kill $WHITELIST" | tr '\n' ' ')" "[Open] Path=/srv 0 "
check "the server stops" stop_server
check "its engine is gone" '! S pidof qtfs-engine'
check "its module is gone" S '! [ -e /sys/module/qtfs_server ]'
check "an engine that never gets ready is noticed" '! start_server engine=stopped'
is "and told" "$(grep -c 'the engine is not running: stopped' "$SCRATCH/said")" 1
