#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# shellcheck source=../../../suites/lib.sh
. "$(dirname "$0")/lib.sh"
check "the server starts" start_server
# The rig has to stop what a suite that dies left behind.
trap - EXIT
