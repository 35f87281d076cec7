#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# long
# timeout: 3600
# trans: tcp
# expect-log: connection lost|connected again|engine has gone|no answer for|has been waiting
# survives.sh with three clients at once, each with the programs on a mount of its own.
: "${CLIENTS:=3}"
. "$(dirname "$0")/survives.sh"
