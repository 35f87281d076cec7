// SPDX-License-Identifier: GPL-2.0

#include "socket.hh"

#include <dirent.h>
#include <memory>

#include "read_all.hh"
#include "unix_socket.hh"

namespace qtfs::rexec {

namespace {

constexpr std::string_view prefix = "server-";
constexpr std::string_view suffix = ".sock";

Result<Fd> try_connect(const std::string &path)
{
  return unix_connect(path, SOCK_STREAM | SOCK_CLOEXEC);
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
  const Result<std::string> id = read_file("/proc/sys/kernel/random/boot_id");

  return id ? id->substr(0, id->find('\n')) : std::string();
}

std::string socket_of(const std::string &machine)
{
  std::string path = run_directory;

  return path.append("/").append(prefix).append(machine).append(suffix);
}

Result<Fd, std::string> listen_at(const std::string &path, unsigned mode)
{
  Result<Fd, std::string> fd = unix_listen(path, mode);
  const int on = 1;

  // Before anything is accepted, which then has it, too.
  if (fd && ::setsockopt(fd->get(), SOL_SOCKET, SO_PASSCRED, &on, sizeof(on)) != 0)
    return path + ": " + last_error().message();
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
