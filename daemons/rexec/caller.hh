// SPDX-License-Identifier: GPL-2.0
//
// What rexec has been started with, and the command shall have, too.

#ifndef QTFS_REXEC_CALLER_HH
#define QTFS_REXEC_CALLER_HH

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "client_options.hh"
#include "message.hh"
#include "mountinfo.hh"
#include "result.hh"

namespace qtfs::rexec {

// To be made first of all, while everything is as the caller left it. From then on
// rexec may have as many descriptors as it can.
class Caller {
public:
  Caller();

  std::uint64_t ignored() const { return ignored_; }
  std::uint64_t blocked() const { return blocked_; }

  // A request, and what of it is on this side.
  struct Prepared {
    Request request;
    std::vector<int> passed;   // what goes with it, in order
    std::vector<int> readable; // by object: where its bytes come from,
    std::vector<int> writable; // and go to
  };

  // @machine: the server's.  @pass: whether open files get there.  The error is a sentence.
  Result<Prepared, std::string> prepare(const ClientOptions &options, const std::string &machine,
                                        bool pass) const;

  // Lets go of the descriptors that came from the caller.
  void release() const;

private:
  struct Plan;

  std::string add_descriptor(Plan &plan, int number) const;

  std::vector<int> descriptors_; // open ones
  std::vector<Limit> limits_;
  std::uint64_t ignored_ = 0;
  std::uint64_t blocked_ = 0;
};

// The working directory as the other machine knows it: the same path, or what a
// mount of qtfs shows here.
std::string remote_directory(const std::string &directory, const std::vector<MountInfo> &mounts);

} // namespace qtfs::rexec

#endif
