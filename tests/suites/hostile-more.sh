#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# long
# timeout: 4800
# trans: tcp vsock pcie
# expect-log: modfuzz\[
# hostile.sh for ten minutes each.
HOSTILE_SECONDS=600
. "$(dirname "$0")/hostile.sh"
