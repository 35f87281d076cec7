#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# expect-log: WARNING: planted
# shellcheck source=../../../suites/lib.sh
. "$(dirname "$0")/lib.sh"
echo "WARNING: planted" >/dev/kmsg
ok "this is well"
