# SPDX-License-Identifier: GPL-2.0
#
# The kernel modules. kbuild knows best what to rebuild, so that it is asked
# every time; kmod/Makefile keeps it out of the source tree.

# The running kernel's headers, else the newest that are installed.
function(qtfs_find_kernel result)
  execute_process(COMMAND uname -r OUTPUT_VARIABLE running OUTPUT_STRIP_TRAILING_WHITESPACE)
  set(running "/lib/modules/${running}/build")
  if(EXISTS "${running}/include/generated/utsrelease.h")
    set(${result} "${running}" PARENT_SCOPE)
    return()
  endif()
  file(GLOB trees
    /lib/modules/*/build/include/generated/utsrelease.h
    /usr/src/linux-headers-*/include/generated/utsrelease.h)
  set(best "")
  set(best_release "")
  foreach(tree IN LISTS trees)
    qtfs_kernel_release("${tree}" release)
    set(pair "${best_release}" "${release}")
    list(SORT pair COMPARE NATURAL)
    list(GET pair -1 newer)
    if(best STREQUAL "" OR NOT newer STREQUAL best_release)
      cmake_path(GET tree PARENT_PATH best)
      set(best_release "${release}")
    endif()
  endforeach()
  if(NOT best)
    message(FATAL_ERROR
      "No kernel headers are installed: run scripts/setup, name a build directory with "
      "-DQTFS_KDIR=, or leave the modules out with -DQTFS_KMOD=OFF.")
  endif()
  cmake_path(SET best NORMALIZE "${best}/../..")
  string(REGEX REPLACE "/$" "" best "${best}")
  set(${result} "${best}" PARENT_SCOPE)
endfunction()

function(qtfs_kernel_release utsrelease result)
  file(STRINGS "${utsrelease}" line REGEX UTS_RELEASE)
  string(REGEX REPLACE ".*\"(.*)\".*" "\\1" release "${line}")
  set(${result} "${release}" PARENT_SCOPE)
endfunction()

set(QTFS_KDIR "" CACHE PATH "Kernel build directory (default: the running kernel's, else the newest)")
set(QTFS_KMOD_CC "" CACHE STRING "Compiler for the modules (default: the one the kernel names)")

if(NOT QTFS_KDIR)
  qtfs_find_kernel(kdir)
  set_property(CACHE QTFS_KDIR PROPERTY VALUE "${kdir}")
endif()
set(utsrelease "${QTFS_KDIR}/include/generated/utsrelease.h")
if(NOT EXISTS "${utsrelease}")
  message(FATAL_ERROR "QTFS_KDIR=${QTFS_KDIR} is no kernel build directory.")
endif()
set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS "${utsrelease}")
qtfs_kernel_release("${utsrelease}" QTFS_KERNEL_RELEASE)
message(STATUS "Kernel modules for ${QTFS_KERNEL_RELEASE} (${QTFS_KDIR})")

set(kmod_build "${PROJECT_BINARY_DIR}/kmod")
set(kmod_args "KDIR=${QTFS_KDIR}" "BUILD=${kmod_build}" "QTFS_RELEASE=${QTFS_RELEASE}")
if(QTFS_WERROR)
  list(APPEND kmod_args QTFS_WERROR=y)
endif()
if(QTFS_FAULT)
  list(APPEND kmod_args QTFS_FAULT=y)
endif()
if(QTFS_KMOD_CC)
  list(APPEND kmod_args "CC=${QTFS_KMOD_CC}")
endif()
if(CMAKE_CROSSCOMPILING)
  # Of those that a toolchain file of ours is for, kbuild calls one otherwise.
  string(REPLACE "aarch64" "arm64" kmod_arch "${CMAKE_SYSTEM_PROCESSOR}")
  list(APPEND kmod_args "ARCH=${kmod_arch}" "CROSS_COMPILE=${QTFS_CROSS_COMPILE}")
endif()

# With make, the module build shares the jobs of the whole build.
if(CMAKE_GENERATOR MATCHES "Makefiles")
  set(kmod_make "$(MAKE)")
else()
  cmake_host_system_information(RESULT jobs QUERY NUMBER_OF_LOGICAL_CORES)
  set(kmod_make make "-j${jobs}")
endif()

set(kmod_files "${kmod_build}/qtfs/qtfs.ko" "${kmod_build}/qtfs_server/qtfs_server.ko")
add_custom_target(kmod ALL
  COMMAND ${kmod_make} --no-print-directory -C "${PROJECT_SOURCE_DIR}/kmod" ${kmod_args}
  BYPRODUCTS ${kmod_files}
  COMMENT "Kernel modules for ${QTFS_KERNEL_RELEASE}"
  VERBATIM)

install(FILES ${kmod_files} DESTINATION "/lib/modules/${QTFS_KERNEL_RELEASE}/extra" COMPONENT kmod)
