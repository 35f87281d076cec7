#!/bin/bash
# shellcheck source=../../../suites/lib.sh
. "$(dirname "$0")/lib.sh"
is "planted" 1 2
