# SPDX-License-Identifier: GPL-2.0
#
# Flags, libraries and helpers for the daemons, the tools and their tests.

set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
if(NOT CMAKE_BUILD_TYPE AND NOT CMAKE_CONFIGURATION_TYPES)
  set(CMAKE_BUILD_TYPE RelWithDebInfo)
endif()
include(CheckPIESupported)
check_pie_supported(LANGUAGES CXX)

# What every target of ours is compiled and linked with.
add_library(qtfs_flags INTERFACE)
target_compile_definitions(qtfs_flags INTERFACE _GNU_SOURCE)
# A header, as few files tell it: a new release compiles those anew, and no others.
file(CONFIGURE OUTPUT "${PROJECT_BINARY_DIR}/generated/release.hh" CONTENT
"// SPDX-License-Identifier: GPL-2.0
#ifndef QTFS_RELEASE
#define QTFS_RELEASE \"${QTFS_RELEASE}\"
#endif
")
target_include_directories(qtfs_flags INTERFACE "${PROJECT_BINARY_DIR}/generated")
target_compile_options(qtfs_flags INTERFACE
  -Wall -Wextra -Wconversion -Wshadow -Wnon-virtual-dtor -Woverloaded-virtual -Wformat=2
  -Wimplicit-fallthrough -Wundef
  $<$<BOOL:${QTFS_WERROR}>:-Werror>
  -fstack-protector-strong
  $<$<CXX_COMPILER_ID:GNU>:-fstack-clash-protection>)
target_link_options(qtfs_flags INTERFACE -Wl,-z,relro,-z,now -Wl,--as-needed)
if(QTFS_SANITIZE)
  target_compile_options(qtfs_flags INTERFACE
    -fsanitize=${QTFS_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer)
  target_link_options(qtfs_flags INTERFACE -fsanitize=${QTFS_SANITIZE})
else()
  target_compile_options(qtfs_flags INTERFACE
    $<$<NOT:$<CONFIG:Debug>>:-U_FORTIFY_SOURCE$<SEMICOLON>-D_FORTIFY_SOURCE=2>)
endif()

# Libraries, all from Debian packages (scripts/setup).
find_package(Threads REQUIRED)
find_package(PkgConfig REQUIRED)
find_package(fmt REQUIRED CONFIG)
find_package(spdlog REQUIRED CONFIG)
find_package(CLI11 REQUIRED CONFIG)
foreach(module libsystemd libcap-ng libseccomp json-c inih liburing mount libmnl nettle)
  pkg_check_modules(${module} REQUIRED IMPORTED_TARGET GLOBAL ${module})
endforeach()

# qtfs_subdirectories(DIR...): those that have a CMakeLists.txt.
function(qtfs_subdirectories)
  foreach(dir IN LISTS ARGN)
    if(EXISTS "${PROJECT_SOURCE_DIR}/${dir}/CMakeLists.txt")
      add_subdirectory("${dir}")
    endif()
  endforeach()
endfunction()

# qtfs_library(NAME SOURCES FILE... [LIBRARIES LIB...]): a static library whose
# headers are found from its own directory. Without sources it is its headers.
function(qtfs_library name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "SOURCES;LIBRARIES")
  if(arg_SOURCES)
    add_library(${name} STATIC ${arg_SOURCES})
    set(scope PUBLIC)
    target_link_libraries(${name} PRIVATE qtfs_flags)
  else()
    add_library(${name} INTERFACE)
    set(scope INTERFACE)
  endif()
  target_include_directories(${name} ${scope} "${CMAKE_CURRENT_SOURCE_DIR}")
  target_link_libraries(${name} ${scope} ${arg_LIBRARIES})
endfunction()

# qtfs_program(NAME DESTINATION sbin|bin MAIN FILE [SOURCES FILE...] [LIBRARIES LIB...])
# All but MAIN is in the library NAME_objects, so that unit tests can link it.
function(qtfs_program name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "DESTINATION;MAIN" "SOURCES;LIBRARIES")
  qtfs_library(${name}_objects SOURCES ${arg_SOURCES} LIBRARIES qtfs_common ${arg_LIBRARIES})
  add_executable(${name} ${arg_MAIN})
  target_link_libraries(${name} PRIVATE qtfs_flags ${name}_objects)
  install(TARGETS ${name} RUNTIME DESTINATION ${arg_DESTINATION} COMPONENT user)
endfunction()

# qtfs_test(NAME SOURCES FILE... [LIBRARIES LIB...]): a GoogleTest program; each
# of its tests is one of ctest's.
function(qtfs_test name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "SOURCES;LIBRARIES")
  find_package(GTest REQUIRED)
  include(GoogleTest)
  add_executable(${name} ${arg_SOURCES})
  target_link_libraries(${name} PRIVATE qtfs_flags qtfs_common ${arg_LIBRARIES}
    GTest::gtest GTest::gtest_main)
  gtest_discover_tests(${name})
endfunction()
