// SPDX-License-Identifier: GPL-2.0
//
// Crash points: in builds for tests (QTFS_FAULT) the engine kills itself where it
// is told to, by lines "OPERATION PHASE COUNT [SIGNAL]" in the file that the
// environment's QTFS_CRASH names: in the COUNTth such operation since it started, by
// that signal (a number; 9, SIGKILL, without).  OPERATION may be "any", and
//
//	fetched		the request has come, nothing has been done
//	begun		the note is written, the system call is next
//	executed	the system call has returned
//	done		the answer is complete, the module hasn't taken it

#ifndef QTFS_ENGINE_CRASH_HH
#define QTFS_ENGINE_CRASH_HH

namespace qtfs::engine {

enum class Phase { Fetched, Begun, Executed, Done };

#ifdef QTFS_FAULT
void crash_point(unsigned op, Phase phase);
#else
inline void crash_point(unsigned, Phase) {}
#endif

} // namespace qtfs::engine

#endif
