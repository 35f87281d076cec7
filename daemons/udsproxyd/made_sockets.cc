// SPDX-License-Identifier: GPL-2.0

#include "made_sockets.hh"

#include <fcntl.h>

#include "proc_path.hh"

namespace qtfs::uds {

namespace {

// bind(2) makes the file some moments before it binds to it.
constexpr auto birth_limit = std::chrono::seconds(5);

std::string below(const std::string &root, const std::string &path)
{
  return root == "/" ? path : root + path;
}

} // namespace

void MadeSockets::set_mounts(const QtfsMounts *mounts)
{
  mounts_ = mounts;
  std::erase_if(sockets_, [&](const auto &entry) { return !mounts->contains(entry.first.first); });
}

void MadeSockets::add(const Key &key, Fd file, std::string prefix)
{
  if (sockets_.size() >= most && !sockets_.contains(key))
    return;

  Socket socket = {std::move(file), std::move(prefix), Clock::now(), false, {}, {}};
  struct statx st = {};
  // What the mount knows of it: the peer needn't be asked.
  if (::statx(socket.file.get(), "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, STATX_UID | STATX_GID,
              &st) == 0) {
    socket.announcement.uid = st.stx_uid;
    socket.announcement.gid = st.stx_gid;
  }
  socket.announcement.made = true;
  sockets_.insert_or_assign(key, std::move(socket));
}

// False: it has no path any more.
bool MadeSockets::locate(const Key &key, Socket &socket) const
{
  const auto mount = mounts_->find(key.first);
  const std::string inside = name_of_fd(socket.file.get());

  if (mount == mounts_->end() || !inside.starts_with('/') || inside.ends_with(" (deleted)"))
    return false;
  socket.here = below(mount->second.point, inside);
  socket.announcement.path = socket.prefix + below(mount->second.root, inside);
  return is_plain_path(socket.announcement.path);
}

std::map<std::string, Announcement> MadeSockets::list(const BoundSockets &bound, bool &unready)
{
  std::map<std::string, Announcement> found;

  for (auto at = sockets_.begin(); at != sockets_.end();) {
    auto &[key, socket] = *at;
    const BoundSocket *program = bound.find(key.first, key.second);
    const bool newborn = !socket.seen && Clock::now() - socket.since < birth_limit;
    if ((!program && !newborn) || !locate(key, socket)) {
      at = sockets_.erase(at);
      continue;
    }
    ++at;
    socket.seen = socket.seen || program;
    if (!program || !program->ready) {
      unready = true;
      continue;
    }
    socket.announcement.type = program->type;
    if (whitelist_ && whitelist_->allows(Section::Udsconnect, socket.here))
      found.emplace(socket.announcement.path, socket.announcement);
  }
  return found;
}

const MadeSockets::Socket *MadeSockets::find(const std::string &path) const
{
  for (const auto &[key, socket] : sockets_)
    if (socket.announcement.path == path && whitelist_ &&
        whitelist_->allows(Section::Udsconnect, socket.here))
      return &socket;
  return nullptr;
}

} // namespace qtfs::uds
