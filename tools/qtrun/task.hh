// SPDX-License-Identifier: GPL-2.0
//
// The thread of the program that makes a call: what its arguments point to, who it is, and
// what it sees.
//
// The kernel checks whether the call is still waiting after each thing that is opened by
// the thread's number; so none is of another thread that has the number by then.  What is
// read from memory may be changed by the program at any time: it is read once, and what is
// done is what was read.

#ifndef QTFS_QTRUN_TASK_HH
#define QTFS_QTRUN_TASK_HH

#include <cstdint>
#include <linux/seccomp.h>
#include <optional>
#include <span>
#include <string>
#include <sys/types.h>
#include <vector>

#include "fd.hh"
#include "thread_rights.hh"

namespace qtfs::qtrun {

class Task {
public:
  // @proc: this machine's /proc; it and @listener outlive the object.
  Task(const seccomp_notif &call, int listener, int proc)
      : call_(call), listener_(listener), proc_(proc)
  {
  }

  // Its number, in this machine's namespace.
  pid_t number() const { return static_cast<pid_t>(call_.pid); }
  std::uint64_t argument(unsigned which) const { return call_.data.args[which]; }
  int integer(unsigned which) const { return static_cast<int>(argument(which)); }
  std::uint32_t flags(unsigned which) const { return static_cast<std::uint32_t>(argument(which)); }

  // Whether the call is still waiting for its answer.
  bool waits() const;

  // /proc/TID/@name; nothing if the call isn't waiting any more.
  Fd open_in_proc(const std::string &name, int flags) const;

  // Memory at @address; nothing if it isn't there.
  std::optional<std::string> read(std::uint64_t address, std::size_t size) const;
  std::optional<std::string> read_string(std::uint64_t address, std::size_t max) const;
  bool write(std::uint64_t address, const void *from, std::size_t size) const;

  // What an argument points to; nothing for a null pointer, too.
  std::optional<std::string> text(unsigned which, std::size_t max) const;

private:
  const seccomp_notif &call_;
  int listener_;
  int proc_;
};

// A file as a task names it: by a path, a descriptor, or both, as openat(2) has them.
class FileArgument {
public:
  // What the arguments say.  Later, with the task's root and rights (Disguise), it is opened.
  FileArgument(const Task &task, int descriptor, std::optional<std::string> path);

  // With O_PATH and @flags.  An empty path means what the descriptor has, if it @may_be_empty.
  Result<Fd> open(int flags, bool may_be_empty) const;

private:
  int number_;
  Fd descriptor_;
  std::optional<std::string> path_;
};

// As who the task acts.
struct Identity {
  uid_t uid = 0; // those of the file system
  gid_t gid = 0;
  std::vector<gid_t> groups;
  std::uint64_t capabilities = 0; // in force, and of this machine's user namespace

  static std::optional<Identity> of(const Task &task, int proc);
};

// Gives the calling thread its own namespaces and root again.  A thread that can't come back
// must not go on: it doesn't.
void come_back(std::span<const Fd> namespaces, const Fd &root);

// Makes the calling thread, which has a root and a working directory of its own, see what the
// task sees and act as who it is, until the object goes.
class Disguise {
public:
  enum Extent {
    Sight,      // its root and working directory
    Namespaces, // and its namespaces, but for that of users: what is made belongs to them
  };

  Disguise(const Task &task, int proc, Extent extent = Sight);
  Disguise(const Disguise &) = delete;
  ~Disguise();

  explicit operator bool() const { return good_; }

  // Whether it has a capability, of this machine's user namespace.
  bool may(int number) const { return may_ & capability(number); }

private:
  bool enter_namespaces(const Task &task, int proc);
  bool look_around(const Task &task);

  Fd root_;                    // our own
  std::vector<Fd> namespaces_; // our own, where the task has others
  std::uint64_t may_ = 0;
  Capabilities own_;
  bool good_ = false;
};

} // namespace qtfs::qtrun

#endif
