#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# long
# timeout: 3600
# expect-log: connection lost|connected again|engine has gone|no answer for|has been waiting
# chaos.sh for half an hour.
: "${MINUTES:=30}"
. "$(dirname "$0")/chaos.sh"
