// SPDX-License-Identifier: GPL-2.0
//
// Opening, by node and by name.

#include <array>
#include <fcntl.h>
#include <linux/major.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "call.hh"

namespace qtfs::engine {

namespace {

constexpr auto native_flags = std::to_array<std::pair<std::uint32_t, int>>({
  {QTFS_O_EXCL, O_EXCL},
  {QTFS_O_TRUNC, O_TRUNC},
  {QTFS_O_APPEND, O_APPEND},
  {QTFS_O_NONBLOCK, O_NONBLOCK},
  {QTFS_O_DSYNC, O_DSYNC},
  {QTFS_O_SYNC, O_SYNC},
  {QTFS_O_DIRECT, O_DIRECT},
  {QTFS_O_DIRECTORY, O_DIRECTORY},
  {QTFS_O_NOATIME, O_NOATIME},
});

// This machine's numbers for @flags; never O_CREAT.  A terminal isn't to become the
// engine's, hence O_NOCTTY; O_NONBLOCK because it, and some regular files of /proc and
// tracefs, would keep a thread waiting for as long as they have nothing to say.
int to_native(std::uint32_t flags)
{
  int native = O_CLOEXEC | O_NOCTTY | O_NONBLOCK | O_LARGEFILE;

  native |= static_cast<int>(flags & QTFS_O_ACCMODE); // numbered alike everywhere
  for (const auto &[wire, here] : native_flags)
    if ((flags & wire) == wire)
      native |= here;
  return native;
}

// The other side of a pseudo terminal.
bool is_terminal(const struct stat &st)
{
  constexpr unsigned majors = 8; // that one and the following

  return major(st.st_rdev) >= UNIX98_PTY_SLAVE_MAJOR &&
         major(st.st_rdev) < UNIX98_PTY_SLAVE_MAJOR + majors;
}

// Opens the object of an O_PATH descriptor, and nothing else: what it is can't
// change any more.
int reopen(Call &call, int fd, std::uint32_t flags, std::string_view path, bool terminals = false)
{
  struct stat st;
  if (::fstat(fd, &st) != 0)
    return errno;

  int refusal = 0;
  switch (st.st_mode & S_IFMT) {
  case S_IFREG:
    refusal = call.judge.allows_open(flags, path) ? 0 : EACCES;
    break;
  case S_IFDIR:
    refusal = call.judge.allows(Section::Readdir, path) ? 0 : EACCES;
    break;
  case S_IFLNK:
    refusal = ELOOP;
    break;
  case S_IFCHR:
    if (!terminals || !is_terminal(st))
      refusal = ENXIO;
    else if (!call.judge.allows_open(flags, path))
      refusal = EACCES;
    break;
  default: // opening it may block, and what it does isn't a file's business
    refusal = ENXIO;
    break;
  }
  if (refusal)
    return refusal;

  const ProcPath object(fd);
  const int native = to_native(flags & ~QTFS_O_EXCL);
  if (flags & QTFS_O_TRUNC)
    call.begin();
  int opened = ::open(object.c_str(), native);
  // Another process holds a lease on the file.  It has been told to give it up
  // and has to within /proc/sys/fs/lease-break-time: worth waiting for.
  if (opened < 0 && errno == EWOULDBLOCK && !(flags & QTFS_O_NONBLOCK))
    opened = ::open(object.c_str(), native & ~O_NONBLOCK);
  return call.reply(opened);
}

// Opens the file that an engine made and died before it could pass it on.
// Who makes a file may write to it whatever its mode says; afterwards the mode
// counts, and has to be got round.
int reopen_created(Call &call, int fd, std::uint32_t flags, std::string_view path)
{
  struct stat st;
  const int status = reopen(call, fd, flags & ~QTFS_O_TRUNC, path);

  if (status != EACCES || ::fstat(fd, &st) != 0)
    return status;
  const ProcPath object(fd);
  if (::chmod(object.c_str(), (st.st_mode & 07777) | S_IRUSR | S_IWUSR) != 0)
    return status;
  const int second = reopen(call, fd, flags & ~QTFS_O_TRUNC, path);
  return ::chmod(object.c_str(), st.st_mode & 07777) == 0 ? second : errno;
}

// The note's number, where the name led to nothing.
constexpr std::uint64_t making = 1;

// Whether @fd, which name 0 led to, has been made by an engine that died.
bool made_earlier(Call &call, int fd)
{
  const std::optional<Note> earlier = call.earlier();
  struct stat st;

  return earlier && earlier->number == making && ::fstat(fd, &st) == 0 && S_ISREG(st.st_mode) &&
         st.st_uid == call.slot.caller().uid && st.st_size == 0 && st.st_nlink == 1;
}

} // namespace

int exec_open(Call &call)
{
  const std::uint32_t flags = le(call.slot.body<qtfs_open>().flags);

  return reopen(call, call.slot.node(), flags, call.slot.path(0), true);
}

int exec_open_dir(Call &call)
{
  const qtfs_open_dir body = call.slot.body<qtfs_open_dir>();
  const std::uint32_t flags = (le(body.flags) & ~QTFS_O_TRUNC) | QTFS_O_DIRECTORY;
  const int status = reopen(call, call.slot.node(), flags, call.slot.path(0));

  if (!status)
    list_whole(call, call.slot.fd(), le(body.size), le(body.list));
  return status;
}

// What isn't a file is the client's to go on with: it follows links by itself.
int exec_open_name(Call &call)
{
  const std::uint32_t flags = le(call.slot.body<qtfs_open_name>().flags);
  const std::string path = call.child();
  struct stat st;

  if (!call.judge.allows(Section::Mount, path))
    return EACCES;
  const Fd found(look_up(call.slot.node(), call.name()));
  if (!found || ::fstat(found.get(), &st) != 0)
    return errno;
  if (S_ISDIR(st.st_mode))
    return EISDIR;
  return reopen(call, found.get(), flags & ~(QTFS_O_CREAT | QTFS_O_EXCL | QTFS_O_TRUNC), path);
}

// A FIFO is opened by the module, which can wait; here it's only judged.
int exec_open_fifo(Call &call)
{
  const std::uint32_t flags = le(call.slot.body<qtfs_open_fifo>().flags);
  constexpr std::array<int, 4> needed = {R_OK, W_OK, R_OK | W_OK, R_OK | W_OK};

  if (!call.judge.allows_open(flags, call.slot.path(0)))
    return EACCES;
  // As the caller: its ids are this thread's effective ones.
  return status_of(::faccessat(AT_FDCWD, ProcPath(call.slot.node()).c_str(),
                               needed[flags & QTFS_O_ACCMODE], AT_EACCESS));
}

// A name either leads to something, which is opened as by OPEN, or a file is
// made for it; never both in one call, because they are different operations to
// the policy.  Others may make and remove the name between the two.
int exec_create(Call &call)
{
  constexpr int attempts = 64;
  const auto &body = call.slot.body<qtfs_open>();
  const std::uint32_t flags = le(body.flags);
  const std::string path = call.child();
  const int directory = call.slot.node();

  if (flags & QTFS_O_DIRECTORY)
    return EINVAL;
  if (!call.judge.allows_open(flags, path))
    return EACCES;

  for (int i = 0; i < attempts; i++) {
    const Fd found(look_up(directory, call.name()));

    if (!found && errno != ENOENT)
      return errno;
    if (found && made_earlier(call, found.get())) {
      call.slot.set_flags(QTFS_OPENED_CREATED);
      return reopen_created(call, found.get(), flags, path);
    }
    if (found && (flags & QTFS_O_EXCL))
      return EEXIST;
    if (found) {
      struct stat st;

      if (::fstat(found.get(), &st) != 0)
        return errno;
      if (S_ISDIR(st.st_mode))
        return EISDIR;
      return reopen(call, found.get(), flags, path);
    }

    if (!call.judge.allows(Section::Create, path))
      return EACCES;
    call.begin({}, {}, making);
    const int fd = ::openat(directory, call.name(),
                            to_native(flags & ~QTFS_O_TRUNC) | O_CREAT | O_EXCL | O_NOFOLLOW,
                            le(body.mode) & 07777);
    if (fd >= 0)
      call.slot.set_flags(QTFS_OPENED_CREATED);
    if (fd >= 0 || errno != EEXIST)
      return call.reply(fd);
  }
  return EBUSY;
}

// A file without a name is judged like one in that directory whose name is of no
// importance.  One that an engine made before it died went with it.
int exec_tmpfile(Call &call)
{
  const auto &body = call.slot.body<qtfs_open>();
  const std::uint32_t flags = le(body.flags);
  const std::string_view path = call.slot.path(0);

  if (!call.judge.allows_open(flags, path) || !call.judge.allows(Section::Create, path))
    return EACCES;
  call.begin();
  const int fd =
    ::openat(call.slot.node(), ".", (to_native(flags & ~QTFS_O_TRUNC) & ~O_DIRECTORY) | O_TMPFILE,
             le(body.mode) & 07777);
  if (fd >= 0)
    call.slot.set_flags(QTFS_OPENED_CREATED);
  return call.reply(fd);
}

} // namespace qtfs::engine
