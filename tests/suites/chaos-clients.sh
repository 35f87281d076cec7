#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# long
# timeout: 3600
# expect-log: connection lost|connected again|engine has gone|no answer for|has been waiting
# chaos.sh with three clients at once, each a session of its own.
: "${CLIENTS:=3}" "${LINES:=3000}"
. "$(dirname "$0")/chaos.sh"
