#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# long
# timeout: 3600
# guests: 2
# trans: tcp pcie
# expect-log: connection lost|connected again|has forgotten this client|is open again|has been waiting|no answer for
# power.sh with 20 cuts.
: "${CUTS:=20}"
. "$(dirname "$0")/power.sh"
