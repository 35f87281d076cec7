#!/bin/bash
# shellcheck source=../../../suites/lib.sh
. "$(dirname "$0")/lib.sh"
ok "before"
echo c >/proc/sysrq-trigger
