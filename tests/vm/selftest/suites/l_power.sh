#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# guests: 2
# shellcheck source=../../../suites/lib.sh
. "$(dirname "$0")/lib.sh"
check "data is written" S 'echo data >/srv/kept && sync'
check "the host cuts the server off" host kill server
check "it is gone" '! ping -c 1 -W 1 server'
check "the host boots it" host boot server
is "its disk is the same" "$(S cat /srv/kept)" data
check "the host cuts the cable" host link off
check "nothing comes through" '! ping -c 1 -W 1 server'
check "the host mends it" host link on
check "it works again" ping -c 1 -W 5 server
check "impossible wishes are refused" '! host sing carols'
