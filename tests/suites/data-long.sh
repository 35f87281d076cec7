#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# long
# timeout: 7200
# data.sh with 200,000 operations from each of 4 seeds.
export OPERATIONS=200000 THROUGH=20000
. "$(dirname "$0")/data.sh"
