# SPDX-License-Identifier: GPL-2.0
#
# Builds for aarch64 on another machine: cmake --toolchain cmake/aarch64.cmake
# with -DQTFS_SYSROOT= the folder that has Debian's libraries for it ("rig
# sysroot" makes one), and -DQTFS_KDIR= the headers of an arm64 kernel.

set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR aarch64)
set(QTFS_CROSS_COMPILE "aarch64-linux-gnu-")
set(CMAKE_C_COMPILER "${QTFS_CROSS_COMPILE}gcc")
set(CMAKE_CXX_COMPILER "${QTFS_CROSS_COMPILE}g++")

set(CMAKE_TRY_COMPILE_PLATFORM_VARIABLES QTFS_SYSROOT)
if(QTFS_SYSROOT)
  set(CMAKE_SYSROOT "${QTFS_SYSROOT}")
  set(ENV{PKG_CONFIG_SYSROOT_DIR} "${QTFS_SYSROOT}")
  set(ENV{PKG_CONFIG_LIBDIR}
    "${QTFS_SYSROOT}/usr/lib/aarch64-linux-gnu/pkgconfig:${QTFS_SYSROOT}/usr/share/pkgconfig")
endif()
set(CMAKE_LIBRARY_ARCHITECTURE aarch64-linux-gnu)
set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)
set(CMAKE_FIND_ROOT_PATH_MODE_LIBRARY ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_INCLUDE ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_PACKAGE ONLY)

# Nothing that was built runs while it is built.
set(CMAKE_GTEST_DISCOVER_TESTS_DISCOVERY_MODE PRE_TEST)
