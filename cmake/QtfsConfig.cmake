# SPDX-License-Identifier: GPL-2.0
#
# Configuration files. Each is installed where it exists.

set(config "${PROJECT_SOURCE_DIR}/config")

install(FILES "${config}/whitelist/qtfs" DESTINATION /etc/qtfs RENAME whitelist
  COMPONENT config OPTIONAL)
install(FILES "${config}/whitelist/rexec" DESTINATION /etc/rexec RENAME whitelist
  COMPONENT config OPTIONAL)
install(DIRECTORY "${config}/systemd/" DESTINATION /lib/systemd/system
  COMPONENT config OPTIONAL FILES_MATCHING PATTERN "*.service" PATTERN "*.socket")
install(DIRECTORY "${config}/udev/" DESTINATION /lib/udev/rules.d
  COMPONENT config OPTIONAL FILES_MATCHING PATTERN "*.rules")
