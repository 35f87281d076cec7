# SPDX-License-Identifier: GPL-2.0
#
# Configuration files. Each is installed where it exists; a whitelist that is
# there already is the administrator's and stays.

set(config "${PROJECT_SOURCE_DIR}/config")
set(QTFS_UNIT_DIR "/lib/systemd/system" CACHE PATH "Where systemd looks for units of packages")
set(QTFS_UDEV_DIR "/lib/udev/rules.d" CACHE PATH "Where udev looks for rules of packages")

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
install(DIRECTORY "${config}/systemd/" DESTINATION "${QTFS_UNIT_DIR}"
  COMPONENT config OPTIONAL FILES_MATCHING PATTERN "*.service" PATTERN "*.socket" PATTERN "*.timer")
install(DIRECTORY "${config}/udev/" DESTINATION "${QTFS_UDEV_DIR}"
  COMPONENT config OPTIONAL FILES_MATCHING PATTERN "*.rules")
install(DIRECTORY "${config}/tmpfiles/" DESTINATION /usr/lib/tmpfiles.d
  COMPONENT config OPTIONAL FILES_MATCHING PATTERN "*.conf")
# Samples, and the administrator's from then on.
install(CODE "
  if(NOT EXISTS \"\$ENV{DESTDIR}/etc/qtfs/udsproxyd.conf\")
    file(INSTALL DESTINATION \"/etc/qtfs\" TYPE FILE FILES \"${config}/udsproxyd.conf\")
  endif()
  if(NOT EXISTS \"\$ENV{DESTDIR}/etc/qtfs/qtrun.conf\")
    file(INSTALL DESTINATION \"/etc/qtfs\" TYPE FILE FILES \"${config}/qtrun.conf\")
  endif()
  if(NOT EXISTS \"\$ENV{DESTDIR}/etc/modprobe.d/qtfs.conf\")
    file(INSTALL DESTINATION \"/etc/modprobe.d\" TYPE FILE FILES \"${config}/modprobe/qtfs.conf\")
  endif()" COMPONENT config)

# Manual pages and completions go with the programs.
if(QTFS_USER)
  foreach(section 1 5 8)
    file(GLOB pages CONFIGURE_DEPENDS "${PROJECT_SOURCE_DIR}/docs/man/*.${section}")
    install(FILES ${pages} DESTINATION "share/man/man${section}" COMPONENT user)
  endforeach()
  install(DIRECTORY "${config}/completions/" DESTINATION share/bash-completion/completions
    COMPONENT user)
endif()
