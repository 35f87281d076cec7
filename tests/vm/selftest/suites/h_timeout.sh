#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# timeout: 3
# shellcheck source=../../../suites/lib.sh
. "$(dirname "$0")/lib.sh"
ok "before"
sleep 1000
