# SPDX-License-Identifier: GPL-2.0
#
# Configuration files. Each is installed where it exists; a whitelist that is
# there already is the administrator's and stays.

set(config "${PROJECT_SOURCE_DIR}/config")

foreach(name qtfs rexec)
  if(EXISTS "${config}/whitelist/${name}")
    install(CODE "
      if(NOT EXISTS \"\$ENV{DESTDIR}/etc/${name}/whitelist\")
        file(INSTALL DESTINATION \"/etc/${name}\" TYPE FILE
          PERMISSIONS OWNER_READ OWNER_WRITE RENAME \"whitelist\"
          FILES \"${config}/whitelist/${name}\")
      endif()" COMPONENT config)
  endif()
endforeach()
install(DIRECTORY "${config}/systemd/" DESTINATION /lib/systemd/system
  COMPONENT config OPTIONAL FILES_MATCHING PATTERN "*.service" PATTERN "*.socket")
install(DIRECTORY "${config}/udev/" DESTINATION /lib/udev/rules.d
  COMPONENT config OPTIONAL FILES_MATCHING PATTERN "*.rules")
