// SPDX-License-Identifier: GPL-2.0
//
// Which system calls are looked at before they are made.  All others run as ever.

#ifndef QTFS_QTRUN_FILTER_HH
#define QTFS_QTRUN_FILTER_HH

#include "fd.hh"
#include "result.hh"

namespace qtfs::qtrun {

// Puts the calling thread, and all that comes of it, under the filter; returns where its
// calls arrive.
Result<Fd> install_filter();

} // namespace qtfs::qtrun

#endif
