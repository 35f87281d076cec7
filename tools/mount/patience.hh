// SPDX-License-Identifier: GPL-2.0
//
// The option retry=: a mount that waits for its server, as at boot, when both machines
// start at the same time.

#ifndef QTFS_MOUNT_PATIENCE_HH
#define QTFS_MOUNT_PATIENCE_HH

#include <chrono>
#include <string>
#include <string_view>
#include <vector>

#include "result.hh"

namespace qtfs::mount {

// Takes retry=SECONDS out of @options; 0: it isn't there.  The error is a sentence.
Result<unsigned, std::string> take_retry(std::string &options);

// Whether what mount(8) said, in the words of the C locale, is something that a server
// which is about to start mends.
bool may_pass(std::string_view said);

// Runs a command again and again until it succeeds, fails for good, or the time is over,
// and returns its exit status.  What it says is told once at first and at the end.
int run_patiently(const std::vector<std::string> &words, std::chrono::seconds limit);

} // namespace qtfs::mount

#endif
