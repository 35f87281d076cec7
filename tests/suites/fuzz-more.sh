#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# long
# timeout: 1800
# guests: 1
# trans: tcp
# expect-log: modfuzz\[
# fuzz.sh for minutes: FUZZ_MINUTES for each of the three, from another seed each time.
: "${SEED:=$EPOCHSECONDS}"
FUZZ_SECONDS=$((${FUZZ_MINUTES:-4} * 60))
. "$(dirname "$0")/fuzz.sh"
