// SPDX-License-Identifier: GPL-2.0

#include "identity.hh"

#include <algorithm>
#include <array>
#include <grp.h>
#include <optional>
#include <pwd.h>
#include <string_view>

#include "unix_socket.hh"

namespace qtfs::rexec {

namespace {

struct User {
  std::string name, home, shell;
};

std::optional<User> find_user(uid_t uid)
{
  std::array<char, 16384> memory;
  passwd entry = {};
  passwd *found = nullptr;

  if (::getpwuid_r(uid, &entry, memory.data(), memory.size(), &found) != 0 || !found)
    return std::nullopt;
  return User{found->pw_name, found->pw_dir, found->pw_shell};
}

// By this machine's data base.
std::vector<std::uint32_t> groups_of_user(uid_t uid, gid_t gid)
{
  const std::optional<User> user = find_user(uid);
  std::vector<gid_t> groups(1024);
  int n = static_cast<int>(groups.size());

  if (!user || ::getgrouplist(user->name.c_str(), gid, groups.data(), &n) < 0)
    return {gid};
  return {groups.begin(), groups.begin() + n};
}

} // namespace

Result<Identity, std::string> identify(const Request &request, const ucred &sender, int socket)
{
  const Result<ucred> peer = unix_peer(socket);
  if (!peer)
    return std::string("the kernel doesn't say who has connected");
  // Of others, a program with more rights may have been made to write to it.
  if (peer->uid != 0 && peer->uid != sender.uid)
    return "user " + std::to_string(sender.uid) + " has sent it on a connection of user " +
           std::to_string(peer->uid) + ", and only root speaks for others";

  if (sender.uid == 0)
    return Identity{request.uid, request.gid, request.groups, true};
  if (request.uid != sender.uid || request.gid != sender.gid)
    return "user " + std::to_string(sender.uid) + " (group " + std::to_string(sender.gid) +
           ") asked to be user " + std::to_string(request.uid) + " (group " +
           std::to_string(request.gid) + "), which only root may";

  Identity identity = {request.uid, request.gid, {}, false};
  if (peer->uid == sender.uid) { // straight
    Result<std::vector<gid_t>> groups = unix_peer_groups(socket);
    if (!groups)
      return std::string("the kernel doesn't say in which groups the caller is");
    identity.groups = std::move(*groups);
    return identity;
  }

  // A proxy vouches for the user, but groups are what the caller says: so only
  // those that this machine knows the user to be in.
  const std::vector<std::uint32_t> known = groups_of_user(sender.uid, sender.gid);
  std::ranges::copy_if(request.groups, std::back_inserter(identity.groups),
                       [&](auto group) { return std::ranges::find(known, group) != known.end(); });
  return identity;
}

std::vector<std::string> make_environment(const Request &request, const Identity &identity,
                                          const CommandList &list)
{
  std::vector<std::string> environment;
  const auto has = [&](std::string_view name) {
    return std::ranges::any_of(environment, [&](const std::string &variable) {
      return variable.size() > name.size() && variable.starts_with(name) &&
             variable[name.size()] == '=';
    });
  };
  const auto set = [&](const std::string &name, const std::string &value) {
    if (!has(name))
      environment.push_back(name + "=" + value);
  };

  std::ranges::copy_if(request.environment, std::back_inserter(environment),
                       [&](const std::string &variable) { return list.passes(variable); });
  set("PATH", default_path);
  set("PWD", request.cwd);
  const User user = find_user(identity.uid).value_or(User{"", "/", "/bin/sh"});
  set("HOME", user.home);
  set("SHELL", user.shell);
  if (!user.name.empty()) {
    set("USER", user.name);
    set("LOGNAME", user.name);
  }
  return environment;
}

} // namespace qtfs::rexec
