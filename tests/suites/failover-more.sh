#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# timeout: 300
# guests: 1
# trans: tcp pcie
# long
# expect-log: connection lost|connected again|has forgotten this client|is open again|no answer for|back by the first address|another server|has been waiting|can't be opened again|cannot connect
# All of failover.sh: two addresses of one transport, several connections, a server that is loaded again meanwhile.
FAILOVER_MORE=1
. "$(dirname "$0")/failover.sh"
