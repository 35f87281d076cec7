// SPDX-License-Identifier: GPL-2.0

#include "executor.hh"

#include <array>
#include <fcntl.h>

#include "call.hh"

namespace qtfs::engine {

namespace {

using Handler = int (*)(Call &);

// By enum qtfs_op; the rest never reaches an engine.
constexpr std::array<Handler, QTFS_OP_END> handlers = [] {
  std::array<Handler, QTFS_OP_END> table = {};

  table[QTFS_OP_ATTACH] = exec_attach;
  table[QTFS_OP_LOOKUP] = exec_lookup;
  table[QTFS_OP_FIND] = exec_find;
  table[QTFS_OP_GETATTR] = exec_getattr;
  table[QTFS_OP_SETATTR] = exec_setattr;
  table[QTFS_OP_READLINK] = exec_readlink;
  table[QTFS_OP_MKDIR] = exec_mkdir;
  table[QTFS_OP_MKNOD] = exec_mknod;
  table[QTFS_OP_SYMLINK] = exec_symlink;
  table[QTFS_OP_LINK] = exec_link;
  table[QTFS_OP_UNLINK] = exec_unlink;
  table[QTFS_OP_RMDIR] = exec_rmdir;
  table[QTFS_OP_RENAME] = exec_rename;
  table[QTFS_OP_OPEN] = exec_open;
  table[QTFS_OP_CREATE] = exec_create;
  table[QTFS_OP_TMPFILE] = exec_tmpfile;
  table[QTFS_OP_OPEN_NAME] = exec_open_name;
  table[QTFS_OP_OPEN_DIR] = exec_open_dir;
  table[QTFS_OP_OPEN_FIFO] = exec_open_fifo;
  table[QTFS_OP_READ] = exec_read;
  table[QTFS_OP_WRITE] = exec_write;
  table[QTFS_OP_READDIR] = exec_readdir;
  table[QTFS_OP_FSYNC] = exec_fsync;
  table[QTFS_OP_FALLOCATE] = exec_fallocate;
  table[QTFS_OP_LSEEK] = exec_lseek;
  table[QTFS_OP_STATFS] = exec_statfs;
  table[QTFS_OP_FILEATTR_GET] = exec_fileattr_get;
  table[QTFS_OP_FILEATTR_SET] = exec_fileattr_set;
  table[QTFS_OP_GETXATTR] = exec_getxattr;
  table[QTFS_OP_SETXATTR] = exec_setxattr;
  table[QTFS_OP_LISTXATTR] = exec_listxattr;
  table[QTFS_OP_REMOVEXATTR] = exec_removexattr;
  table[QTFS_OP_MOUNT] = exec_mount;
  table[QTFS_OP_UMOUNT] = exec_umount;
  table[QTFS_OP_PROCESS] = exec_process;
  table[QTFS_OP_TERMINAL] = exec_terminal;
  return table;
}();

} // namespace

int look_up(int directory, const char *name)
{
  return ::openat(directory, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
}

void Executor::run(Slot &slot)
{
  refusal_.reset();
  crash_point(slot.op(), Phase::Fetched);
  slot.done(slot.fetch() ? execute(slot) : EINVAL);
  crash_point(slot.op(), Phase::Done);
}

int Executor::execute(Slot &slot)
{
  const unsigned op = slot.op();
  const Handler handler = op < handlers.size() ? handlers[op] : nullptr;

  if (!handler)
    return EOPNOTSUPP;
  if (credentials_.assume(slot.caller()))
    return EPERM;

  // Already executing, and not only once the request gets there again: if this
  // engine dies as well, the next one must be told as this one was.
  if (slot.resent())
    slot.executing();

  const std::shared_ptr<const Whitelist> whitelist = policy_.current();
  Judge judge(*whitelist);
  Call call = {slot, judge, let_go_, credentials_};
  const int status = handler(call);
  crash_point(op, Phase::Executed);
  if (status == EACCES)
    refusal_ = judge.refusal();
  return status;
}

} // namespace qtfs::engine
