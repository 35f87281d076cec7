// SPDX-License-Identifier: GPL-2.0

#include "mounted.hh"

#include <algorithm>
#include <array>
#include <fcntl.h>
#include <spdlog/spdlog.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/sysmacros.h>

#include "logging.hh"
#include "uds.h"

namespace qtfs::uds {

namespace {

// What the peer has to say of a socket that isn't announced: it may have just been made.
constexpr auto look_limit = std::chrono::seconds(5);
constexpr auto link_limit = std::chrono::milliseconds(300); // while there is no link
constexpr auto wait_interval = std::chrono::milliseconds(100);
constexpr auto tick_interval = std::chrono::seconds(1);

} // namespace

Mounted::Mounted(Loop &loop, Workers &workers, Mirrors &mirrors, const Binder &binder,
                 MadeSockets &made, std::function<void()> news)
    : loop_(loop), workers_(workers), mirrors_(mirrors), binder_(binder), made_(made),
      news_(std::move(news)), mounts_(::open("/proc/self/mountinfo", O_RDONLY | O_CLOEXEC))
{
  if (mounts_)
    mounts_watch_ =
      loop_.watch(mounts_.get(), EPOLLPRI | EPOLLET, [this](std::uint32_t) { look_at_mounts(); });
  look_at_mounts();
  wait_for_device();
  open_device();
  tick();
}

Mounted::~Mounted() = default;

// ---- the device ----

void Mounted::wait_for_device()
{
  appears_.reset(::inotify_init1(IN_CLOEXEC | IN_NONBLOCK));
  if (!appears_ || ::inotify_add_watch(appears_.get(), "/dev", IN_CREATE | IN_ATTRIB) < 0)
    return;
  appears_watch_ = loop_.watch(appears_.get(), EPOLLIN, [this](std::uint32_t) {
    alignas(inotify_event) std::array<char, 4096> events;
    for (ssize_t n; (n = ::read(appears_.get(), events.data(), events.size())) > 0;)
      for (ssize_t at = 0; at < n;) {
        const auto *event = reinterpret_cast<const inotify_event *>(events.data() + at);
        if (!device_ && event->len && name_in(QTFS_UDS_DEV) == event->name)
          open_device();
        at += static_cast<ssize_t>(sizeof(*event) + event->len);
      }
  });
}

void Mounted::open_device()
{
  device_.reset(::open(QTFS_UDS_DEV, O_RDONLY | O_NONBLOCK | O_CLOEXEC));
  if (!device_) {
    if (errno != ENOENT)
      spdlog::warn("{}: {}; sockets on mounts can't be reached", QTFS_UDS_DEV,
                   last_error().message());
    return;
  }
  device_watch_ = loop_.watch(device_.get(), EPOLLIN, [this](std::uint32_t) { read_events(); });
}

void Mounted::read_events()
{
  qtfs_uds_event event;

  while (::read(device_.get(), &event, sizeof(event)) == sizeof(event))
    if (event.kind == QTFS_UDS_MADE)
      take_made(event);
    else
      take_ask(event);
}

// A mount may be below another one of the same server, which is asked on the way there.
void Mounted::open_mount(dev_t device, std::function<void(Result<Fd>)> opened)
{
  if (!where_.contains(device))
    look_at_mounts(); // it has just been mounted
  const auto mount = where_.find(device);
  if (mount == where_.end()) {
    opened(errno_code(ENODEV));
    return;
  }
  const auto result = std::make_shared<Result<Fd>>(errno_code(ECANCELED));
  workers_.run(
    [point = mount->second.point, result] {
      Fd fd(::open(point.c_str(), O_PATH | O_CLOEXEC));
      *result = fd ? Result<Fd>(std::move(fd)) : last_error();
    },
    [result, opened = std::move(opened), alive = std::weak_ptr<int>(alive_)] {
      if (!alive.expired())
        opened(std::move(*result));
    });
}

// What an event is about, reached over the mount of its file system.
Result<Fd> Mounted::open(unsigned long request, const Fd &mount, std::uint64_t id) const
{
  qtfs_uds_dir arg = {id, mount.get(), 0};
  Fd fd(::ioctl(device_.get(), request, &arg));

  return fd ? Result<Fd>(std::move(fd)) : last_error();
}

void Mounted::take_made(const qtfs_uds_event &event)
{
  const Key key(makedev(event.major, event.minor), event.ino);

  open_mount(key.first, [this, key, id = event.id, path = std::string(event.path, event.path_len),
                         prefix = event.prefix](Result<Fd> mount) {
    made(key, id, path, prefix, std::move(mount));
  });
}

void Mounted::made(const Key &key, std::uint64_t id, const std::string &path, std::size_t prefix,
                   Result<Fd> mount)
{
  Result<Fd> file = mount ? open(QTFS_UDS_FILE, *mount, id) : mount.error();

  if (!file) {
    if (file.error().value() != ENOENT) // it is gone already
      spdlog::warn("{}: the peer can't reach it: {}", printable(path), file.error().message());
    return;
  }
  made_.add(key, std::move(*file), path.substr(0, prefix));
  spdlog::debug("{} was made here", printable(path));
  news_();
}

void Mounted::done(const Ask &ask)
{
  // The program may be gone.
  ::ioctl(device_.get(), QTFS_UDS_DONE, &ask.id);
}

void Mounted::take_ask(const qtfs_uds_event &event)
{
  const std::string_view path(event.path, event.path_len);
  Link *link = mirrors_.link();
  Ask ask = {{makedev(event.major, event.minor), event.ino},
             event.id,
             std::string(path),
             std::string(path.substr(event.prefix)),
             0,
             Clock::now() + (link ? Clock::duration(look_limit) : link_limit)};

  if (answer(ask))
    return;
  if (link) {
    ask.look = ++looks_;
    link->look(ask.look);
  }
  waiting_.push_back(std::move(ask));
  if (!timer_)
    wait_on();
}

void Mounted::looked(std::uint32_t number)
{
  looked_ = std::max(looked_, std::min(number, looks_));
  answer_waiting();
}

// False: it isn't known yet.
bool Mounted::answer(const Ask &ask)
{
  const Announcement *announcement = mirrors_.wanted(ask.path);

  const bool looked = ask.look && ask.look <= looked_;

  if (!announcement && !looked && Clock::now() < ask.until)
    return false;
  if (announcement && !sockets_.contains(ask.key))
    open_mount(ask.key.first, [this, ask, announcement = *announcement](Result<Fd> mount) {
      answer(ask, announcement, std::move(mount));
    });
  else
    done(ask);
  return true;
}

void Mounted::answer(const Ask &ask, const Announcement &announcement, Result<Fd> mount)
{
  if (!sockets_.contains(ask.key)) { // another one may have asked at the same time
    const std::error_code error = mount ? show(ask, announcement, *mount) : mount.error();
    if (error)
      spdlog::warn("{}: can't be listened to here: {}", printable(ask.path), error.message());
  }
  done(ask);
}

void Mounted::answer_waiting()
{
  std::erase_if(waiting_, [this](const Ask &ask) { return answer(ask); });
  timer_.reset();
  if (!waiting_.empty())
    wait_on();
}

void Mounted::wait_on()
{
  timer_ = loop_.after(wait_interval, [this] { answer_waiting(); });
}

// ---- sockets ----

Result<Fd> Mounted::bind(const Ask &ask, const Announcement &announcement, const Fd &mount)
{
  const Result<Fd> directory = open(QTFS_UDS_DIR, mount, ask.id);
  if (!directory)
    return directory.error();
  const auto where = where_.find(ask.key.first);
  if (where == where_.end())
    return errno_code(ENODEV);
  const std::string &root = where->second.root;
  if (root != "/" && !ask.inside.starts_with(root + "/"))
    return errno_code(ENOENT);
  const std::string &point = where->second.point;
  const std::string path =
    (point == "/" ? "" : point) + ask.inside.substr(root == "/" ? 0 : root.size());

  Result<Fd> socket = listening_socket(announcement.type);
  if (!socket)
    return socket;
  if (const std::error_code error = binder_.bind(socket->get(), directory->get(), path))
    return error;
  if (const std::error_code error = listen_as(socket->get(), announcement))
    return error;
  return socket;
}

std::error_code Mounted::show(const Ask &ask, const Announcement &announcement, const Fd &mount)
{
  Result<Fd> socket = bind(ask, announcement, mount);

  if (!socket)
    return socket.error();
  sockets_.emplace(ask.key, std::make_unique<Mirror>(mirrors_, announcement, std::move(*socket),
                                                     Identity{ask.key.first, ask.key.second}));
  spdlog::debug("{} is listened to here: {}", printable(ask.path), name_of(announcement.type));
  return {};
}

void Mounted::link_up()
{
  for (const auto &[key, mirror] : sockets_)
    mirror->link_up();
}

void Mounted::link_down()
{
  for (const auto &[key, mirror] : sockets_)
    mirror->link_down();
  // Nobody answers any more.
  for (Ask &ask : waiting_) {
    ask.look = 0;
    ask.until = std::min<Clock::time_point>(ask.until, Clock::now() + link_limit);
  }
}

void Mounted::reconcile()
{
  std::erase_if(sockets_, [this](const auto &entry) {
    const Announcement &was = entry.second->announcement();
    const Announcement *now = mirrors_.wanted(was.path);
    return !now || *now != was;
  });
  answer_waiting();
}

void Mounted::tick()
{
  tick_ = loop_.after(tick_interval, [this] {
    for (const auto &[key, mirror] : sockets_)
      mirror->give_up();
    tick();
  });
}

// What is listened to on a file system keeps it alive: it ends with the last mount.
void Mounted::look_at_mounts()
{
  where_.clear();
  for (MountInfo &mount : read_mountinfo()) {
    if (mount.type != "qtfs")
      continue;
    // The whole of it rather than a part.
    MountInfo &known = where_[mount.device];
    if (known.point.empty() || mount.root.size() < known.root.size())
      known = std::move(mount);
  }
  std::erase_if(sockets_,
                [this](const auto &entry) { return !where_.contains(entry.first.first); });
  made_.set_mounts(&where_);
}

} // namespace qtfs::uds
