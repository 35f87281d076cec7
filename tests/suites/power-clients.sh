#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# long
# timeout: 3600
# guests: 2
# trans: tcp pcie
# expect-log: connection lost|connected again|has forgotten this client|is open again|has been waiting|no answer for
# power.sh with 20 cuts and three clients at once, each with a mount of its own and two writers.
: "${CUTS:=20}" "${CLIENTS:=3}" "${WRITERS:=6}"
. "$(dirname "$0")/power.sh"
