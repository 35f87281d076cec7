// SPDX-License-Identifier: GPL-2.0
//
// The root that a program sees, put together in a mount namespace of its own.

#ifndef QTFS_QTRUN_ROOT_HH
#define QTFS_QTRUN_ROOT_HH

#include <string>

#include "config.hh"

namespace qtfs::qtrun {

// Puts the calling process there; its working directory is the one of the same name.
// Returns what is wrong; empty: nothing.
std::string enter_root(const Config &config);

} // namespace qtfs::qtrun

#endif
