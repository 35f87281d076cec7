#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# shellcheck source=../../../suites/lib.sh
. "$(dirname "$0")/lib.sh"
is "planted" 1 2
