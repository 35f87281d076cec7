#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# shellcheck source=../../../suites/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck disable=SC2016
S 'echo "WARNING: planted in $(hostname)" >/dev/kmsg'
ok "nothing noticed here"
