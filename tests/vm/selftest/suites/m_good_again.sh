#!/bin/bash
# shellcheck source=../../../suites/lib.sh
. "$(dirname "$0")/lib.sh"
ok "all is well"
