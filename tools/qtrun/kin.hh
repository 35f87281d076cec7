// SPDX-License-Identifier: GPL-2.0
//
// Whose a process of this machine is.  The program's own are those that run in its root and
// their descendants; and what an earlier run of the same service has left, as that goes on by
// its number.  All others are as good as not there: a signal that is meant for the host must
// never reach a daemon of this machine which happens to have the number.

#ifndef QTFS_QTRUN_KIN_HH
#define QTFS_QTRUN_KIN_HH

#include <string>
#include <string_view>

#include "answer.hh"

namespace qtfs::qtrun {

// Of /proc/PID/cgroup, version 2; empty if there is none.
std::string control_group(std::string_view text);
// One group is the other, or lies below it; below the root all do, so that doesn't count.
bool is_of_group(const std::string &group, const std::string &whole);

// What is noted of the program when it starts.
void note_program(World &world, pid_t program);

// The inode number of a namespace, "PID/ns/NAME"; 0 if it can't be told.
ino_t space_of(int proc, const std::string &name);

bool belongs(const World &world, pid_t pid);
// Whether some process of the group does.
bool group_belongs(const World &world, pid_t group);

} // namespace qtfs::qtrun

#endif
