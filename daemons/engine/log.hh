// SPDX-License-Identifier: GPL-2.0
//
// The log, and what becomes of the workers' events in it.

#ifndef QTFS_ENGINE_LOG_HH
#define QTFS_ENGINE_LOG_HH

#include <functional>
#include <string>

#include "worker.hh"

namespace qtfs::engine {

void set_up_log(const std::string &level);

// Events that are logged; @failed is called after a worker's end was.
WorkerEvents logged_events(std::function<void()> failed);

} // namespace qtfs::engine

#endif
