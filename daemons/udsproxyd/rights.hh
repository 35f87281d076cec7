// SPDX-License-Identifier: GPL-2.0
//
// Descriptors that programs pass to each other (SCM_RIGHTS).
//
// A descriptor can't cross to another machine.  What it stands for can be reached
// from there, if it is a pipe, a FIFO or a connected socket: the other program gets
// an end of its own, and data is passed on.  A memory file is copied; as a copy
// isn't shared memory, it can't be written to.  A file that both machines reach is
// opened there (files.hh).
//
// For what can't be passed (other files, directories, devices, epoll, ...) the other
// program gets a descriptor whose every use is EBADF and whose name in
// /proc/PID/fd says what it should have been: so the message arrives, the other
// descriptors of it are where they belong, and the connection goes on.

#ifndef QTFS_UDS_RIGHTS_HH
#define QTFS_UDS_RIGHTS_HH

#include <memory>
#include <vector>

#include "frame.hh"
#include "local.hh"

namespace qtfs::uds {

// For the peer: what @fd is, and this side's end of it; none if it can't be passed.  May
// wait for the other machine.
struct Described {
  Object object;
  std::unique_ptr<Local> local;
};
Described describe(Fd fd);

// From the peer: what the program gets, and this side's end of it, if there is one.  Of
// the files that both machines have it may wait for the other machine.
struct Made {
  Fd handed;
  std::unique_ptr<Local> local;
  std::string refused; // why the program gets something of no use
};
Result<Made> make(const Object &object);

// What a message passes on, as soon as it is there.
struct Handed {
  Fd fd; // none: its place stays empty
  bool coming = false;
  std::uint32_t stream = 0; // of the message
};
using Rights = std::vector<std::shared_ptr<Handed>>;

// The memory file has its content: no one shall change it.
std::error_code seal(int fd, std::uint64_t size, std::uint32_t seals);

} // namespace qtfs::uds

#endif
