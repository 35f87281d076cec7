#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# shellcheck source=../../../suites/lib.sh
. "$(dirname "$0")/lib.sh"
check "loads" S modprobe qtfs_server stuck=1
