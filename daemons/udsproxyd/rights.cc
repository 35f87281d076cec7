// SPDX-License-Identifier: GPL-2.0

#include "rights.hh"

#include <algorithm>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "files.hh"
#include "proc_path.hh"

namespace qtfs::uds {

namespace {

constexpr std::uint32_t copied_seals = F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE;

Described nothing(int fd, std::string what)
{
  Described described;
  const std::string text = name_of_fd(fd);

  described.object.kind = ObjectKind::Nothing;
  described.object.name = text.empty() ? std::move(what) : what + " " + text;
  if (described.object.name.size() > 200)
    described.object.name.resize(200);
  return described;
}

int option(int fd, int name)
{
  int value = -1;
  socklen_t size = sizeof(value);

  return ::getsockopt(fd, SOL_SOCKET, name, &value, &size) == 0 ? value : -1;
}

bool is_connected(int fd)
{
  sockaddr_storage peer;
  socklen_t size = sizeof(peer);

  return ::getpeername(fd, reinterpret_cast<sockaddr *>(&peer), &size) == 0;
}

Described describe_socket(Fd fd)
{
  const std::optional<SocketType> type = socket_type(option(fd.get(), SO_TYPE));
  Described described;

  if (!type)
    return nothing(fd.get(), "raw socket");
  if (option(fd.get(), SO_ACCEPTCONN) == 1)
    return nothing(fd.get(), "listening socket");
  if (!is_connected(fd.get()))
    return nothing(fd.get(), "unconnected socket");
  switch (*type) {
  case SocketType::Stream:
    described.object.kind = ObjectKind::Stream;
    break;
  case SocketType::Datagram:
    described.object.kind = ObjectKind::Datagram;
    break;
  case SocketType::Seqpacket:
    described.object.kind = ObjectKind::Seqpacket;
    break;
  }
  described.local = local_socket(std::move(fd), *type);
  return described;
}

Described describe_pipe(const Fd &fd)
{
  const int mode = ::fcntl(fd.get(), F_GETFL) & (O_ACCMODE | O_PATH);
  Described described;

  if (mode != O_RDONLY && mode != O_WRONLY)
    return nothing(fd.get(), "FIFO open for both reading and writing");
  // An open file of our own, so that the program's goes on blocking.
  Fd own(::open(ProcPath(fd.get()).c_str(), mode | O_NONBLOCK | O_CLOEXEC));
  if (!own)
    return nothing(fd.get(), "pipe without another end");
  described.object.kind = mode == O_RDONLY ? ObjectKind::ReadEnd : ObjectKind::WriteEnd;
  described.local = local_pipe(std::move(own), mode == O_RDONLY);
  return described;
}

Described describe_shared(Fd fd)
{
  Result<Object> object = describe_file_of_both(fd.get());
  Described described;

  if (!object)
    return nothing(fd.get(), object.error().value() == ENOTTY
                               ? "file"
                               : fmt::format("file ({})", object.error().message()));
  described.object = std::move(*object);
  described.local = local_held(std::move(fd));
  return described;
}

Described describe_file(Fd fd, std::uint64_t size)
{
  const int seals = ::fcntl(fd.get(), F_GET_SEALS);
  std::string name = name_of_fd(fd.get());
  Described described;

  if (seals < 0 || !name.starts_with("/memfd:"))
    return describe_shared(std::move(fd));
  if (size > max_memory_file)
    return nothing(fd.get(), "memory file of more than 64 MiB");
  name = name.substr(7, name.rfind(" (deleted)") - 7);
  described.object.kind = ObjectKind::MemoryFile;
  described.object.seals = static_cast<std::uint32_t>(seals) & copied_seals;
  described.object.size = size;
  described.object.name = name.substr(0, 200);
  described.local = local_file(std::move(fd), size, true);
  return described;
}

Result<Made> make_pipe(bool handed_reads)
{
  int ends[2];

  // Only our end doesn't block: two open files.
  if (::pipe2(ends, O_CLOEXEC) != 0)
    return last_error();
  Fd reading(ends[0]), writing(ends[1]);
  Fd &ours = handed_reads ? writing : reading;
  Made made;
  if (::fcntl(ours.get(), F_SETFL, O_NONBLOCK) != 0)
    return last_error();
  made.handed = std::move(handed_reads ? reading : writing);
  made.local = local_pipe(std::move(ours), !handed_reads);
  return made;
}

Result<Made> make_pair(SocketType type)
{
  int ends[2];

  if (::socketpair(AF_UNIX, native(type) | SOCK_CLOEXEC, 0, ends) != 0)
    return last_error();
  Made made;
  made.handed.reset(ends[0]);
  made.local = local_socket(Fd(ends[1]), type);
  return made;
}

Result<Made> make_file(const Object &object)
{
  Made made;

  made.handed.reset(::memfd_create(object.name.c_str(), MFD_CLOEXEC | MFD_ALLOW_SEALING));
  if (!made.handed || ::ftruncate(made.handed.get(), static_cast<off_t>(object.size)) != 0)
    return last_error();
  Fd own(::fcntl(made.handed.get(), F_DUPFD_CLOEXEC, 0));
  if (!own)
    return last_error();
  made.local = local_file(std::move(own), object.size, false);
  return made;
}

// O_PATH: it can be looked at and closed, and nothing else.
Result<Made> make_nothing(const Object &object)
{
  const std::string what = object.kind == ObjectKind::Nothing ? object.name : "file";
  const std::string name = "can't be passed by udsproxyd: " + what;
  const Fd file(::memfd_create(name.substr(0, 240).c_str(), MFD_CLOEXEC));
  Made made;

  if (file)
    made.handed.reset(::open(ProcPath(file.get()).c_str(), O_PATH | O_CLOEXEC));
  if (!made.handed)
    return last_error();
  return made;
}

// What can't be opened keeps its place among the others.
Result<Made> make_shared(const Object &object, Result<Fd> file)
{
  if (!file) {
    Result<Made> made = make_nothing(object);
    if (made)
      made->refused = fmt::format("a file can't be received: {}", file.error().message());
    return made;
  }
  Made made;
  made.handed = std::move(*file);
  return made;
}

} // namespace

Described describe(Fd fd)
{
  struct stat st;

  if (::fstat(fd.get(), &st) != 0)
    return nothing(fd.get(), "descriptor");
  if (::fcntl(fd.get(), F_GETFL) & O_PATH)
    return nothing(fd.get(), "O_PATH");
  switch (st.st_mode & S_IFMT) {
  case S_IFSOCK:
    return describe_socket(std::move(fd));
  case S_IFIFO:
    return describe_pipe(fd);
  case S_IFREG:
    return describe_file(std::move(fd), static_cast<std::uint64_t>(st.st_size));
  case S_IFDIR:
    return nothing(fd.get(), "directory");
  case S_IFCHR:
  case S_IFBLK:
    return nothing(fd.get(), "device");
  default:
    return nothing(fd.get(), "kernel object");
  }
}

Result<Made> make(const Object &object)
{
  switch (object.kind) {
  case ObjectKind::ReadEnd:
    return make_pipe(true);
  case ObjectKind::WriteEnd:
    return make_pipe(false);
  case ObjectKind::Stream:
    return make_pair(SocketType::Stream);
  case ObjectKind::Datagram:
    return make_pair(SocketType::Datagram);
  case ObjectKind::Seqpacket:
    return make_pair(SocketType::Seqpacket);
  case ObjectKind::MemoryFile:
    return make_file(object);
  case ObjectKind::ClientFile:
    return make_shared(object, open_client_file(object));
  case ObjectKind::ServerFile:
    return make_shared(object, open_server_file(object));
  case ObjectKind::Nothing:
    break;
  }
  return make_nothing(object);
}

std::error_code seal(int fd, std::uint64_t size, std::uint32_t seals)
{
  struct stat st;

  if (::fstat(fd, &st) != 0)
    return last_error();
  if (static_cast<std::uint64_t>(st.st_size) != size)
    return errno_code(EPROTO);
  if (::fcntl(fd, F_ADD_SEALS,
              (seals & copied_seals) | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE) != 0)
    return last_error();
  return {};
}

} // namespace qtfs::uds
