// SPDX-License-Identifier: GPL-2.0

#include "mirrors.hh"

#include <cstring>
#include <fcntl.h>
#include <spdlog/spdlog.h>
#include <sys/ioctl.h>
#include <sys/un.h>

#include "diag.hh"
#include "logging.hh"
#include "uds.h"

namespace qtfs::uds {

namespace {

constexpr auto tick_interval = std::chrono::seconds(1);

std::string bound_path(int socket)
{
  sockaddr_un address = {};
  socklen_t size = sizeof(address);

  if (::getsockname(socket, reinterpret_cast<sockaddr *>(&address), &size) != 0 ||
      address.sun_path[0] != '/')
    return {};
  return {address.sun_path, ::strnlen(address.sun_path, sizeof(address.sun_path))};
}

} // namespace

Mirrors::Mirrors(Loop &loop, const Root &root, const Binder &binder, Options options)
    : loop_(loop), root_(root), binder_(binder), options_(options)
{
  tick();
}

Mirrors::~Mirrors()
{
  if (store_) // they go on without us
    return;
  while (!mirrors_.empty())
    remove(mirrors_.begin()->first);
}

void Mirrors::tick()
{
  timer_ = loop_.after(tick_interval, [this] {
    for (const auto &[path, mirror] : mirrors_)
      mirror->give_up();
    tick();
  });
}

const Announcement *Mirrors::wanted(const std::string &path) const
{
  const auto found = wanted_.find(path);

  return found == wanted_.end() ? nullptr : &found->second;
}

std::size_t Mirrors::waiting() const
{
  std::size_t sum = 0;

  for (const auto &[path, mirror] : mirrors_)
    sum += mirror->waiting();
  return sum;
}

void Mirrors::complain(const std::string &path, const std::string &why)
{
  if (complained_.size() < most && complained_.insert(path).second)
    spdlog::warn("{}: the peer's socket isn't shown here: {}", printable(path), why);
}

void Mirrors::set_whitelist(const Whitelist *whitelist)
{
  whitelist_ = whitelist;
  complained_.clear();
  reconcile();
}

void Mirrors::link_up(Link &link)
{
  link_ = &link;
  listed_.clear();
  syncing_ = true;
  for (const auto &[path, mirror] : mirrors_)
    mirror->link_up();
}

void Mirrors::link_down(Link &link)
{
  if (link_ != &link)
    return;
  link_ = nullptr;
  for (const auto &[path, mirror] : mirrors_)
    mirror->link_down();
}

void Mirrors::announced(Announcement announcement)
{
  if (wanted_.size() >= most && !wanted_.contains(announcement.path))
    return;
  listed_.insert(announcement.path);
  const std::string path = announcement.path;
  wanted_[path] = std::move(announcement);
  show(wanted_[path]);
}

void Mirrors::withdrawn(const std::string &path)
{
  wanted_.erase(path);
  listed_.erase(path);
  complained_.erase(path);
  remove(path);
}

// What the peer hasn't listed on this link it doesn't have any more.
void Mirrors::synced()
{
  if (!std::exchange(syncing_, false))
    return;
  std::erase_if(wanted_, [&](const auto &entry) { return !listed_.contains(entry.first); });
  reconcile();
}

void Mirrors::reconcile()
{
  std::vector<std::string> gone;

  for (const auto &[path, mirror] : mirrors_)
    if ((!syncing_ && !wanted_.contains(path)) || !is_there(*mirror) ||
        !whitelist_->allows(Section::Udsconnect, path))
      gone.push_back(path);
  for (const std::string &path : gone)
    remove(path);
  for (const auto &[path, announcement] : wanted_)
    show(announcement);
}

bool Mirrors::is_there(const Mirror &mirror) const
{
  const Result<Fd> fd = root_.look_up(mirror.announcement().path, O_NOFOLLOW);
  struct stat st;

  return fd && ::fstat(fd->get(), &st) == 0 && Identity::of(st) == mirror.file();
}

void Mirrors::remove(const std::string &path)
{
  const auto found = mirrors_.find(path);
  if (found == mirrors_.end())
    return;
  // The file is unlinked only if it is still ours.
  if (!found->second->announcement().made && is_there(*found->second)) {
    const Result<Fd> parent = parent_of(path);
    if (parent)
      ::unlinkat(parent->get(), std::string(name_in(path)).c_str(), 0);
  }
  if (store_ && !found->second->announcement().made)
    store_(found->second->socket(), false);
  files_.erase(found->second->file());
  mirrors_.erase(found);
  spdlog::debug("{} is gone", printable(path));
}

Result<Fd> Mirrors::parent_of(const std::string &path) const
{
  const std::string directory(directory_of(path));
  Result<Fd> fd = root_.look_up(directory, O_DIRECTORY);

  if (!fd && fd.error().value() == ENOENT)
    return make_directories(directory);
  return fd;
}

// Those that the whitelist names, or that are below: others are not ours to make.
Result<Fd> Mirrors::make_directories(const std::string &path) const
{
  if (path == "/" || !whitelist_->allows(Section::Udsconnect, path))
    return errno_code(ENOENT);
  const std::string above(directory_of(path));
  Result<Fd> parent = root_.look_up(above, O_DIRECTORY);
  if (!parent && parent.error().value() == ENOENT)
    parent = make_directories(above);
  if (!parent)
    return parent;
  if (::mkdirat(parent->get(), std::string(name_in(path)).c_str(), 0755) != 0 && errno != EEXIST)
    return last_error();
  return root_.look_up(path, O_DIRECTORY);
}

// A socket's file that nobody has any more is in nobody's way.
std::error_code Mirrors::make_way(int parent, const std::string &name) const
{
  const Fd fd(::openat(parent, name.c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC));
  struct stat st;

  if (!fd)
    return errno == ENOENT ? std::error_code() : last_error();
  if (::fstat(fd.get(), &st) != 0)
    return last_error();
  if (!S_ISSOCK(st.st_mode) || probe(fd.get()))
    return errno_code(EEXIST);
  if (::unlinkat(parent, name.c_str(), 0) != 0 && errno != ENOENT)
    return last_error();
  return {};
}

// Without the binder the text is all there is, and the directory is looked for once more.
std::error_code Mirrors::bind_name(int socket, int parent, const std::string &path) const
{
  if (binder_.started())
    return binder_.bind(socket, parent, path);
  return unix_bind(socket, root_.outside(path));
}

Result<Fd> Mirrors::bind(const Announcement &announcement, int parent, Identity &file) const
{
  const std::string name(name_in(announcement.path));
  struct stat st;

  if (const std::error_code error = make_way(parent, name))
    return error;
  Result<Fd> socket = listening_socket(announcement.type);
  if (!socket)
    return socket;
  // The file is nobody's until it is whose it should be.
  if (::fchmod(socket->get(), 0) != 0)
    return last_error();
  if (const std::error_code error = bind_name(socket->get(), parent, announcement.path))
    return error;
  const bool owner =
    ::fchownat(parent, name.c_str(), announcement.uid, announcement.gid, AT_SYMLINK_NOFOLLOW) == 0;
  if (::fstatat(parent, name.c_str(), &st, AT_SYMLINK_NOFOLLOW) != 0 || !S_ISSOCK(st.st_mode))
    return errno_code(ESTALE);
  file = Identity::of(st);
  // Where it can't be given away, it is for this proxy's own user.
  const mode_t mode = owner ? announcement.mode : announcement.mode & 0700;
  if (::fchmodat(parent, name.c_str(), mode, 0) != 0)
    return last_error();
  if (const std::error_code error = listen_as(socket->get(), announcement))
    return error;
  return socket;
}

// The file is whose it is, and stays so.
Result<Fd> Mirrors::bind_made(const Announcement &announcement, Identity &file) const
{
  const Result<Fd> fd = root_.look_up(announcement.path, O_NOFOLLOW);
  struct stat st;

  if (!fd)
    return fd.error();
  if (::fstat(fd->get(), &st) != 0)
    return last_error();
  if (!S_ISSOCK(st.st_mode))
    return errno_code(ENOTSOCK);
  if (probe(fd->get()))
    return errno_code(EEXIST);
  file = Identity::of(st);

  const Fd device(::open(QTFS_UDS_SERVER_DEV, O_RDONLY | O_CLOEXEC));
  if (!device)
    return last_error();
  const int number = fd->get();
  const Fd directory(::ioctl(device.get(), QTFS_UDS_NAMES, &number));
  if (!directory)
    return last_error();
  Result<Fd> socket = listening_socket(announcement.type);
  if (!socket)
    return socket;
  if (const std::error_code error = binder_.bind(socket->get(), directory.get(), announcement.path))
    return error;
  if (const std::error_code error = listen_as(socket->get(), announcement))
    return error;
  return socket;
}

Result<Fd> Mirrors::make(const Announcement &announcement, Identity &file) const
{
  if (announcement.made)
    return bind_made(announcement, file);
  const Result<Fd> parent = parent_of(announcement.path);
  if (!parent) // the paths of a mount are the peer's files themselves
    return errno_code(parent.error().value() == EXDEV ? EEXIST : parent.error().value());
  return bind(announcement, parent->get(), file);
}

void Mirrors::show(const Announcement &announcement)
{
  const std::string &path = announcement.path;
  const auto found = mirrors_.find(path);

  if (found != mirrors_.end()) {
    if (found->second->announcement() == announcement)
      return;
    remove(path);
  }
  if (!whitelist_ || !whitelist_->allows(Section::Udsconnect, path)) {
    spdlog::debug("{} is not in [Udsconnect] of this machine: not shown here", printable(path));
    return;
  }
  Identity file;
  Result<Fd> socket = make(announcement, file);
  if (!socket) {
    const int error = socket.error().value();
    // The local one is what is meant here; or the peer's program has removed its file.
    if (error != EEXIST && !(announcement.made && error == ENOENT))
      complain(path, socket.error().message());
    return;
  }
  if (store_ && !announcement.made)
    store_(socket->get(), true);
  files_.insert(file);
  mirrors_.emplace(path, std::make_unique<Mirror>(*this, announcement, std::move(*socket), file));
  spdlog::debug("{} is shown here: {}", printable(path), name_of(announcement.type));
}

void Mirrors::adopt(std::vector<Fd> sockets)
{
  const Result<BoundSockets> bound = BoundSockets::now();

  for (Fd &socket : sockets) {
    std::string path = bound_path(socket.get());
    // As the binder named it, or as it is seen from outside.
    if (!binder_.started() && path.starts_with(root_.outside("")))
      path.erase(0, root_.outside("").size());
    const Result<Fd> fd = root_.look_up(path, O_NOFOLLOW);
    int type = 0;
    socklen_t size = sizeof(type);
    struct stat st;
    ::getsockopt(socket.get(), SOL_SOCKET, SO_TYPE, &type, &size);
    // By now the name may be somebody else's.
    if (!fd || ::fstat(fd->get(), &st) != 0 || !S_ISSOCK(st.st_mode) || !socket_type(type) ||
        (bound && !bound->is_bound(socket.get(), st))) {
      if (store_)
        store_(socket.get(), false);
      continue;
    }
    Announcement announcement = {*socket_type(type), st.st_mode & 0777, st.st_uid, st.st_gid, path};
    files_.insert(Identity::of(st));
    mirrors_.emplace(path, std::make_unique<Mirror>(*this, std::move(announcement),
                                                    std::move(socket), Identity::of(st)));
  }
}

} // namespace qtfs::uds
