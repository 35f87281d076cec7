// SPDX-License-Identifier: GPL-2.0
//
// What becomes of the workers' events in the log.

#ifndef QTFS_ENGINE_LOG_HH
#define QTFS_ENGINE_LOG_HH

#include <functional>

#include "worker.hh"

namespace qtfs::engine {

// Events that are logged; @failed is called after a worker's end was.
WorkerEvents logged_events(std::function<void()> failed);

} // namespace qtfs::engine

#endif
