// SPDX-License-Identifier: GPL-2.0

#include "socket.hh"

#include <cstring>
#include <dirent.h>
#include <fcntl.h>
#include <memory>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

namespace qtfs::rexec {

namespace {

constexpr std::string_view prefix = "server-";
constexpr std::string_view suffix = ".sock";

bool set_address(sockaddr_un &address, const std::string &path)
{
  address = {};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof(address.sun_path))
    return false;
  std::memcpy(address.sun_path, path.data(), path.size());
  return true;
}

Result<Fd> try_connect(const std::string &path)
{
  sockaddr_un address;

  if (!set_address(address, path))
    return errno_code(ENAMETOOLONG);
  Fd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!fd ||
      ::connect(fd.get(), reinterpret_cast<const sockaddr *>(&address), sizeof(address)) != 0)
    return last_error();
  return fd;
}

// All servers' sockets but this machine's own.
std::vector<std::string> other_sockets()
{
  const std::string own = socket_of(this_machine());
  std::vector<std::string> paths;
  const std::unique_ptr<DIR, int (*)(DIR *)> directory(::opendir(run_directory), &::closedir);

  while (const dirent *entry = directory ? ::readdir(directory.get()) : nullptr) {
    const std::string_view name = entry->d_name;
    std::string path = std::string(run_directory) + "/" + entry->d_name;

    if (name.starts_with(prefix) && name.ends_with(suffix) && path != own)
      paths.push_back(std::move(path));
  }
  return paths;
}

Result<Fd, std::string> connect_to_other()
{
  Fd connected;
  std::string where;
  std::string failures;

  for (const std::string &path : other_sockets()) {
    Result<Fd> fd = try_connect(path);

    if (!fd) {
      failures.append("; ").append(path).append(": ").append(fd.error().message());
    } else if (connected) {
      return where.insert(0, "there are several servers: say by --server which one: ")
        .append(" or ")
        .append(path);
    } else {
      connected = std::move(*fd);
      where = path;
    }
  }
  if (!connected)
    return "no rexec_server of another machine in " + std::string(run_directory) + failures +
           " (does it run there, and udsproxyd on both? --server PATH names another socket)";
  return connected;
}

} // namespace

std::string this_machine()
{
  const Fd fd(::open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC));
  std::string id(36, '\0');

  if (!fd || ::read(fd.get(), id.data(), id.size()) != static_cast<ssize_t>(id.size()))
    return {};
  return id;
}

std::string socket_of(const std::string &machine)
{
  std::string path = run_directory;

  return path.append("/").append(prefix).append(machine).append(suffix);
}

Result<Fd, std::string> listen_at(const std::string &path, unsigned mode)
{
  const auto failed = [&](std::error_code error) { return path + ": " + error.message(); };
  const std::string directory = path.substr(0, path.rfind('/'));
  sockaddr_un address;
  struct stat there;

  if (path.empty() || path.front() != '/' || !set_address(address, path))
    return path + ": a socket's name is an absolute path of at most 107 bytes";
  if (!directory.empty() && ::mkdir(directory.c_str(), 0755) != 0 && errno != EEXIST)
    return failed(last_error());
  if (::lstat(path.c_str(), &there) == 0) {
    if (!S_ISSOCK(there.st_mode))
      return path + ": it is there, and no socket";
    if (try_connect(path))
      return path + ": a rexec_server is listening there already";
    ::unlink(path.c_str());
  }

  // bind() gives the name the mode that the socket has.
  Fd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  const int on = 1;
  if (!fd || ::fchmod(fd.get(), mode) != 0 ||
      ::setsockopt(fd.get(), SOL_SOCKET, SO_PASSCRED, &on, sizeof(on)) != 0 ||
      ::bind(fd.get(), reinterpret_cast<const sockaddr *>(&address), sizeof(address)) != 0 ||
      ::chmod(path.c_str(), mode) != 0 || // whatever the umask is
      ::listen(fd.get(), SOMAXCONN) != 0)
    return failed(last_error());
  return fd;
}

Result<Fd, std::string> connect_to(const std::string &path)
{
  if (path.empty())
    return connect_to_other();
  Result<Fd> fd = try_connect(path);
  if (!fd)
    return path + ": " + fd.error().message() +
           (fd.error().value() == ECONNREFUSED || fd.error().value() == ENOENT
              ? " (does rexec_server run?)"
              : "");
  return std::move(*fd);
}

} // namespace qtfs::rexec
