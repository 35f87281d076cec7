#!/bin/bash
# expect-log: WARNING: planted
# shellcheck source=../../../suites/lib.sh
. "$(dirname "$0")/lib.sh"
echo "WARNING: planted" >/dev/kmsg
ok "this is well"
