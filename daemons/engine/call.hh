// SPDX-License-Identifier: GPL-2.0
//
// One request while it is executed: what the functions that carry out the
// operations see of it.

#ifndef QTFS_ENGINE_CALL_HH
#define QTFS_ENGINE_CALL_HH

#include <functional>
#include <optional>
#include <string>

#include "crash.hh"
#include "credentials.hh"
#include "note.hh"
#include "policy.hh"
#include "proc_path.hh"
#include "slot.hh"

namespace qtfs::engine {

// Asks the module to let go of what no request is at on a descriptor's mount; how many
// open files clients have there, or -1.
using LetGo = std::function<int(int fd)>;

struct Call {
  Slot &slot;
  Judge &judge;
  const LetGo &let_go;
  Credentials &credentials;

  const char *name(unsigned which = 0) const { return slot.name(which).c_str(); }

  // Where name @which is in the request's directory of the same number.
  std::string child(unsigned which = 0) const
  {
    return child_path(slot.path(which), slot.name(which));
  }

  // What an engine that died while executing this request left.
  std::optional<Note> earlier() const
  {
    return slot.resent() ? Note::read(slot.raw()) : std::nullopt;
  }

  // To be called before anything is changed.
  void begin(const Identity &first = {}, const Identity &second = {}, std::uint64_t number = 0)
  {
    Note note = Note::about(slot.raw());

    note.before[0] = first;
    note.before[1] = second;
    note.number = number;
    note.write(slot.raw());
    slot.executing();
    crash_point(slot.op(), Phase::Begun);
  }

  // Answers with the descriptor that a system call returned.
  int reply(int fd)
  {
    if (fd < 0)
      return errno;
    slot.set_fd(Fd(fd));
    return 0;
  }
};

// The status of a system call that returns 0 or -1.
inline int status_of(int result)
{
  return result < 0 ? errno : 0;
}

// An O_PATH descriptor of @name in @directory, never of what a link leads to.
int look_up(int directory, const char *name);

// Adds to the answer all of directory @fd, which node 0 led to and which was opened just now,
// as READDIR's @flags say; nothing if that is more than @size bytes.
void list_whole(Call &call, int fd, std::uint32_t size, std::uint32_t flags);

// The operations.  Each returns 0 or an errno, and leaves in the slot what
// docs/design.md, section 4, says.

int exec_attach(Call &call);
int exec_lookup(Call &call);
int exec_find(Call &call);
int exec_readlink(Call &call);

int exec_mkdir(Call &call);
int exec_mknod(Call &call);
int exec_symlink(Call &call);
int exec_link(Call &call);

int exec_unlink(Call &call);
int exec_rmdir(Call &call);
int exec_rename(Call &call);

int exec_open(Call &call);
int exec_create(Call &call);
int exec_tmpfile(Call &call);
int exec_open_name(Call &call);
int exec_open_fifo(Call &call);

int exec_read(Call &call);
int exec_write(Call &call);
int exec_fsync(Call &call);
int exec_fallocate(Call &call);
int exec_lseek(Call &call);
int exec_readdir(Call &call);
int exec_open_dir(Call &call);

int exec_getattr(Call &call);
int exec_setattr(Call &call);
int exec_statfs(Call &call);
int exec_fileattr_get(Call &call);
int exec_fileattr_set(Call &call);

int exec_getxattr(Call &call);
int exec_setxattr(Call &call);
int exec_listxattr(Call &call);
int exec_removexattr(Call &call);

int exec_mount(Call &call);
int exec_umount(Call &call);

int exec_process(Call &call);

int exec_terminal(Call &call);

} // namespace qtfs::engine

#endif
