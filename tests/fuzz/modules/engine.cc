// SPDX-License-Identifier: GPL-2.0
//
// A hostile engine. It carries out enough of what is asked that calls of all kinds come, and
// answers many of them with what no engine may answer, while it writes to slots that aren't its
// turn. One after the other lives for a second or two, each with its own seed, and ends somehow.

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <fcntl.h>
#include <memory>
#include <string>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <thread>
#include <vector>

#include "bytes.hh"
#include "connection.hh"
#include "fd.hh"
#include "frame.hh"
#include "fuzz.hh"
#include "random.hh"

namespace qtfs::fuzz {

namespace {

constexpr unsigned threads_max = 4;

// What a child tells its parent of.
struct Totals {
  std::atomic<std::uint64_t> calls;
  std::atomic<std::uint64_t> spoilt;
  std::atomic<std::uint64_t> refused; // by NEXT, with EPROTO
  std::atomic<std::uint64_t> ioctls;
};

class Engine;

// A slot and the thread that answers what comes in it.
class Worker {
public:
  Worker(Engine &engine, unsigned long index, std::uint64_t seed);
  void run();

private:
  template <typename T> T body() const { return value_of<T>({args(), args_size}); }
  template <typename T> void answer(const T &value);
  const char *args() const;
  std::string name(unsigned which) const;
  std::string fd_path(unsigned which) const;

  void serve();
  int carry_out(unsigned op);
  int look_up();
  int open_node();
  int create();
  int make(unsigned op);
  int remove(unsigned op);
  int read_data();
  int write_data();
  int read_row();
  int read_link();
  void spoil();

  // The longest body of a request.
  static constexpr std::size_t args_size = 64;

  Engine &engine_;
  unsigned long index_;
  Random random_;
  qtfs_slot *slot_ = nullptr;
};

class Engine {
public:
  Engine(std::uint64_t seed, unsigned wrong, Totals &totals)
      : random_(seed), wrong_(wrong), totals_(totals)
  {
  }

  bool start();
  // Ends with the process.
  void live(std::chrono::milliseconds time);

  int fd() const { return fd_.get(); }
  unsigned wrong() const { return wrong_; }
  Totals &totals() const { return totals_; }
  char *slot(unsigned long index) const { return maps_[index]; }
  const qtfs_channel_setup &layout() const { return setup_; }
  int strange_file(Random &random) const { return random.pick(strange_); }

private:
  void open_strange_files();
  void misuse();
  void misuse_map();
  void scribble();

  Random random_;
  unsigned wrong_;
  Totals &totals_;
  Fd fd_;
  qtfs_channel_setup setup_{};
  std::vector<char *> maps_;
  std::vector<int> strange_;
  std::vector<std::unique_ptr<Worker>> workers_;
};

Worker::Worker(Engine &engine, unsigned long index, std::uint64_t seed)
    : engine_(engine), index_(index), random_(seed),
      slot_(reinterpret_cast<qtfs_slot *>(engine.slot(index)))
{
}

const char *Worker::args() const
{
  return engine_.slot(index_) + engine_.layout().args_offset;
}

template <typename T> void Worker::answer(const T &value)
{
  std::memcpy(slot_->body, &value, sizeof(value));
}

std::string Worker::name(unsigned which) const
{
  return {qtfs_args_name(&slot_->hdr, &slot_->req, args(), which),
          le(slot_->req.name_len[which]) & 0xfffu};
}

std::string Worker::fd_path(unsigned which) const
{
  return "/proc/self/fd/" + std::to_string(slot_->fd[which]);
}

int Worker::look_up()
{
  std::string path = name(0);
  int parent = slot_->fd[QTFS_SLOT_NODE];

  if (le(slot_->hdr.op) == QTFS_OP_FIND)
    path.erase(0, 1);
  if (le(slot_->hdr.op) == QTFS_OP_ATTACH)
    parent = AT_FDCWD;
  slot_->reply_fd =
    ::openat(parent, path.empty() ? "." : path.c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC);
  return slot_->reply_fd < 0 ? errno : 0;
}

int Worker::open_node()
{
  struct stat st;
  const int flags = static_cast<int>(le(body<qtfs_open>().flags) & (QTFS_O_MASK & ~QTFS_O_CREAT));

  // Neither device nor FIFO: to open them may wait.
  if (::stat(fd_path(QTFS_SLOT_NODE).c_str(), &st) != 0 ||
      !(S_ISREG(st.st_mode) || S_ISDIR(st.st_mode)))
    return ENXIO;
  slot_->reply_fd = ::open(fd_path(QTFS_SLOT_NODE).c_str(), flags | O_CLOEXEC | O_NONBLOCK);
  return slot_->reply_fd < 0 ? errno : 0;
}

int Worker::create()
{
  const bool may_create = le(slot_->hdr.op) != QTFS_OP_OPEN_NAME;
  const int flags = static_cast<int>(le(body<qtfs_open>().flags) & (QTFS_O_ACCMODE | QTFS_O_EXCL));

  if (le(slot_->hdr.op) == QTFS_OP_TMPFILE)
    slot_->reply_fd = ::open(fd_path(QTFS_SLOT_NODE).c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
  else
    slot_->reply_fd =
      ::openat(slot_->fd[QTFS_SLOT_NODE], name(0).c_str(),
               flags | (may_create ? O_CREAT : 0) | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK, 0644);
  slot_->reply_flags = may_create ? QTFS_OPENED_CREATED : 0;
  return slot_->reply_fd < 0 ? errno : 0;
}

int Worker::make(unsigned op)
{
  const int parent = slot_->fd[QTFS_SLOT_NODE];
  const std::string made = name(0);
  int failed = 0;

  if (op == QTFS_OP_MKDIR)
    failed = ::mkdirat(parent, made.c_str(), 0755);
  else if (op == QTFS_OP_MKNOD)
    failed = ::mknodat(parent, made.c_str(), S_IFIFO | 0644, 0);
  else if (op == QTFS_OP_SYMLINK)
    failed = ::symlinkat(name(1).c_str(), parent, made.c_str());
  else
    failed =
      ::linkat(AT_FDCWD, fd_path(QTFS_SLOT_NODE2).c_str(), parent, made.c_str(), AT_SYMLINK_FOLLOW);
  return failed ? errno : look_up();
}

int Worker::remove(unsigned op)
{
  const int parent = slot_->fd[QTFS_SLOT_NODE];

  if (op == QTFS_OP_RENAME)
    return ::renameat(parent, name(0).c_str(), slot_->fd[QTFS_SLOT_NODE2], name(1).c_str()) ? errno
                                                                                            : 0;
  return ::unlinkat(parent, name(0).c_str(), op == QTFS_OP_RMDIR ? AT_REMOVEDIR : 0) ? errno : 0;
}

int Worker::read_data()
{
  const auto read = body<qtfs_read>();
  const std::size_t size = std::min<std::uint64_t>(le(read.size), engine_.layout().data_size);
  const ssize_t n =
    ::pread(slot_->fd[QTFS_SLOT_OPEN], engine_.slot(index_) + engine_.layout().data_offset, size,
            static_cast<off_t>(le(read.offset)));

  slot_->data_len = n < 0 ? 0 : static_cast<__u32>(n);
  return n < 0 ? errno : 0;
}

int Worker::write_data()
{
  const auto write = body<qtfs_write>();
  const std::size_t size =
    std::min<std::uint64_t>(le(slot_->hdr.data_len), engine_.layout().data_size);
  const ssize_t n =
    ::pwrite(slot_->fd[QTFS_SLOT_OPEN], engine_.slot(index_) + engine_.layout().data_offset, size,
             static_cast<off_t>(le(write.offset) & 0xfffff));
  qtfs_write_rep rep{};

  if (n < 0)
    return errno;
  rep.count = le(static_cast<__u32>(n));
  rep.end = write.offset + static_cast<__u64>(n);
  answer(rep);
  return 0;
}

// Not what is in the directory: whatever a row may be, and may not.
int Worker::read_row()
{
  constexpr std::array<const char *, 10> names = {".",  "..", "f0",     "f1",  "d0",
                                                  "d1", "p0", "absent", "a/b", ""};
  std::string row;

  for (std::uint64_t n = random_.below(20); n; n--) {
    qtfs_dirent entry{};
    std::string name = random_.pick(names);
    if (random_.chance(random_.chance(50) ? engine_.wrong() : 0))
      name = random_.bytes(random_.chance(50) ? random_.below(300) : random_.below(70'000));
    entry.ino = random_.bits();
    entry.cookie = random_.chance(90) ? le(__u64{row.size() + 1}) : random_.bits();
    entry.name_len = le(static_cast<__u16>(random_.chance(97) ? name.size() : random_.boundary()));
    entry.type = static_cast<__u8>(random_.below(16));
    entry.flags = static_cast<__u8>(random_.chance(95) ? random_.below(4) : random_.bits());
    row += bytes_of(entry) + name;
    row.resize((row.size() + 7) / 8 * 8);
  }
  const std::size_t limit = std::min<std::uint64_t>(
    engine_.layout().data_size, random_.chance(95) ? le(body<qtfs_readdir>().size) : row.size());
  row.resize(std::min(row.size(), limit));
  std::copy(row.begin(), row.end(), engine_.slot(index_) + engine_.layout().data_offset);
  slot_->data_len = static_cast<__u32>(row.size());
  return 0;
}

int Worker::read_link()
{
  const ssize_t n =
    ::readlinkat(slot_->fd[QTFS_SLOT_NODE], "", engine_.slot(index_) + engine_.layout().data_offset,
                 QTFS_PATH_MAX);

  slot_->data_len = n < 0 ? 0 : static_cast<__u32>(n);
  return n < 0 ? errno : 0;
}

int Worker::carry_out(unsigned op)
{
  switch (op) {
  case QTFS_OP_ATTACH:
  case QTFS_OP_LOOKUP:
  case QTFS_OP_FIND:
    return look_up();
  case QTFS_OP_OPEN:
    return open_node();
  case QTFS_OP_OPEN_DIR: {
    const int status = open_node();
    return status ? status : read_row();
  }
  case QTFS_OP_CREATE:
  case QTFS_OP_OPEN_NAME:
  case QTFS_OP_TMPFILE:
    return create();
  case QTFS_OP_MKDIR:
  case QTFS_OP_MKNOD:
  case QTFS_OP_SYMLINK:
  case QTFS_OP_LINK:
    return make(op);
  case QTFS_OP_UNLINK:
  case QTFS_OP_RMDIR:
  case QTFS_OP_RENAME:
    return remove(op);
  case QTFS_OP_READ:
    return read_data();
  case QTFS_OP_WRITE:
    return write_data();
  case QTFS_OP_READDIR:
    return read_row();
  case QTFS_OP_READLINK:
    return read_link();
  case QTFS_OP_GETXATTR:
  case QTFS_OP_LISTXATTR:
    answer(qtfs_getxattr_rep{.len = le(__u32{5}), .reserved = 0});
    slot_->data_len = body<qtfs_getxattr>().size ? 5 : 0;
    return 0;
  case QTFS_OP_PROCESS:
    // Nobody's number, as the module would send a signal.
    answer(qtfs_process_target{.pid = 0x7fffffff, .reserved = 0, .start = 1});
    return 0;
  default:
    return 0;
  }
}

// What a good answer must not be.
void Worker::spoil()
{
  engine_.totals().spoilt++;
  switch (random_.below(8)) {
  case 0:
    slot_->reply_fd = engine_.strange_file(random_);
    break;
  case 1:
    slot_->reply_fd = static_cast<__s32>(random_.boundary());
    break;
  case 2:
    slot_->data_len = static_cast<__u32>(random_.boundary());
    break;
  case 3:
    slot_->status =
      static_cast<__u32>(random_.chance(50) ? random_.below(600) : random_.boundary());
    break;
  case 4:
    slot_->reply_flags = static_cast<__u32>(random_.boundary());
    break;
  case 5:
    for (__u64 &word : slot_->body)
      word = random_.boundary();
    break;
  case 6:
    slot_->reply_fd = slot_->fd[random_.below(QTFS_SLOT_FDS)];
    break;
  default:
    slot_->state = static_cast<__u32>(random_.chance(50) ? random_.below(4) : random_.boundary());
  }
}

void Worker::serve()
{
  const std::array<int, 3> fds = {slot_->fd[0], slot_->fd[1], slot_->fd[2]};
  const unsigned op = le(slot_->hdr.op);

  engine_.totals().calls++;
  slot_->state = QTFS_SLOT_EXECUTING;
  slot_->status = static_cast<__u32>(carry_out(op));
  slot_->state = QTFS_SLOT_DONE;
  const bool spoilt = random_.chance(engine_.wrong());
  if (spoilt)
    spoil();
  slot_->crashed = static_cast<__u32>(random_.chance(2));
  // A hostile one may well forget to.
  for (const int fd : fds)
    if (fd >= 0 && fd != slot_->reply_fd && !random_.chance(1))
      ::close(fd);
}

void Worker::run()
{
  for (;;) {
    if (::ioctl(engine_.fd(), QTFS_CHANNEL_NEXT, index_) == 0)
      serve();
    else if (errno == EPROTO)
      engine_.totals().refused++;
    else if (errno != EINTR && errno != EBUSY)
      return;
  }
}

void Engine::open_strange_files()
{
  std::array<int, 2> pair{};

  strange_ = {::open(QTFS_CHANNEL_DEV, O_RDWR | O_CLOEXEC),
              ::open("/dev/null", O_RDWR | O_CLOEXEC),
              ::open("/proc/self/status", O_RDONLY | O_CLOEXEC),
              ::open("/proc/self/mem", O_RDWR | O_CLOEXEC),
              ::open("/proc/self/fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC),
              ::open("/proc/self/exe", O_PATH | O_CLOEXEC),
              ::open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC),
              ::open("/", O_PATH | O_CLOEXEC),
              ::open("/tmp", O_RDONLY | O_DIRECTORY | O_CLOEXEC),
              ::eventfd(1, EFD_CLOEXEC | EFD_NONBLOCK),
              ::epoll_create1(EPOLL_CLOEXEC),
              ::memfd_create("strange", MFD_CLOEXEC | MFD_ALLOW_SEALING),
              fd()};
  if (::pipe2(pair.data(), O_CLOEXEC | O_NONBLOCK) == 0)
    strange_.insert(strange_.end(), pair.begin(), pair.end());
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair.data()) == 0)
    strange_.insert(strange_.end(), pair.begin(), pair.end());
}

bool Engine::start()
{
  const Deadline deadline(std::chrono::seconds(20 * slow()));

  // The one before may not be gone yet.
  while (fd_.reset(::open(QTFS_CHANNEL_DEV, O_RDWR | O_CLOEXEC)), !fd_)
    if (errno != EBUSY || deadline.over())
      return false;
  if (random_.chance(5)) {
    misuse();
    misuse_map();
  }
  setup_.version = QTFS_CHANNEL_VERSION;
  if (::ioctl(fd(), QTFS_CHANNEL_SETUP, &setup_) != 0)
    return false;
  for (std::uint64_t n = random_.between(1, threads_max); n; n--) {
    const int index = ::ioctl(fd(), QTFS_CHANNEL_ADD_SLOT);
    if (index < 0)
      return false;
    void *map = ::mmap(nullptr, setup_.stride, PROT_READ | PROT_WRITE, MAP_SHARED, fd(),
                       static_cast<off_t>(static_cast<__u64>(index) * setup_.stride));
    if (map == MAP_FAILED) // NOLINT(performance-no-int-to-ptr): it is the system's
      return false;
    maps_.push_back(static_cast<char *>(map));
  }
  open_strange_files();
  return ::ioctl(fd(), QTFS_CHANNEL_READY) == 0;
}

// Any of the calls, with any argument.
void Engine::misuse()
{
  constexpr std::array<unsigned long, 6> requests = {QTFS_CHANNEL_SETUP, QTFS_CHANNEL_ADD_SLOT,
                                                     QTFS_CHANNEL_READY, QTFS_CHANNEL_NEXT,
                                                     QTFS_CHANNEL_SETUP, 0};
  qtfs_channel_setup setup{};
  const unsigned long request = random_.pick(requests);
  unsigned long argument = random_.boundary();

  totals_.ioctls++;
  setup.version = static_cast<__u32>(random_.below(4));
  if (request == QTFS_CHANNEL_SETUP && random_.chance(50))
    argument = reinterpret_cast<unsigned long>(&setup);
  // The threads are in NEXT with those that there are.
  if (request == QTFS_CHANNEL_NEXT && argument < maps_.size() && random_.chance(50))
    argument += maps_.size();
  // The number of slots is an engine's own business, but memory isn't without end.
  if (request == QTFS_CHANNEL_ADD_SLOT && random_.chance(95))
    return;
  ::ioctl(fd(), request ? request : random_.bits() & 0xffffffff, argument);
}

void Engine::misuse_map()
{
  const std::size_t size =
    random_.chance(50) && setup_.stride ? setup_.stride : random_.boundary() & 0xffffff;
  const int protection = static_cast<int>(random_.below(8));
  const int flags = random_.chance(70) ? MAP_SHARED : MAP_PRIVATE;
  const auto offset = static_cast<off_t>(random_.below(6) * (setup_.stride ? setup_.stride : 4096) +
                                         (random_.chance(30) ? 4096 : 0));
  void *map = ::mmap(nullptr, size, protection, flags, fd(), offset);

  totals_.ioctls++;
  if (map == MAP_FAILED) // NOLINT(performance-no-int-to-ptr): it is the system's
    return;
  ::mremap(map, size, size + 4096, MREMAP_MAYMOVE);
  if (random_.chance(50))
    ::munmap(map, size);
}

// Somewhere in a slot, whosever turn it is.
void Engine::scribble()
{
  char *slot = random_.pick(maps_);
  const std::size_t range = random_.chance(70) ? sizeof(qtfs_slot) : setup_.stride - 8;
  const std::uint64_t value = random_.boundary();

  std::memcpy(slot + random_.below(range) / 4 * 4, &value, random_.chance(50) ? 4 : 8);
}

void Engine::live(std::chrono::milliseconds time)
{
  const Deadline deadline(time);

  for (unsigned long index = 0; index < maps_.size(); index++) {
    workers_.push_back(std::make_unique<Worker>(*this, index, random_.bits()));
    std::thread([worker = workers_.back().get()] { worker->run(); }).detach();
  }
  const bool quiet = random_.chance(30);
  while (!deadline.over()) {
    std::this_thread::sleep_for(std::chrono::milliseconds(random_.below(10)));
    if (quiet)
      continue;
    if (random_.chance(30))
      misuse();
    if (random_.chance(10))
      misuse_map();
    for (std::uint64_t n = random_.below(20); n; n--)
      scribble();
  }
  switch (random_.below(4)) {
  case 0:
    ::ioctl(fd(), QTFS_CHANNEL_STOP);
    break;
  case 1:
    ::kill(::getpid(), SIGKILL);
    break;
  case 2:
    ::close(fd());
    break;
  default:
    break;
  }
  ::_exit(0);
}

// One engine, in a process of its own. False: it could not begin.
bool live_once(const Options &options, std::uint64_t seed, Totals &totals)
{
  const pid_t pid = ::fork();
  int status = 0;

  if (pid == 0) {
    Random random(seed);
    Engine engine(random.bits(), options.wrong, totals);
    if (!engine.start())
      ::_exit(7);
    engine.live(std::chrono::milliseconds(random.between(300, 1500)) * slow());
  }
  if (pid < 0 || ::waitpid(pid, &status, 0) != pid)
    return false;
  return !(WIFEXITED(status) && WEXITSTATUS(status) == 7);
}

} // namespace

int hostile_engine(const Options &options)
{
  void *shared =
    ::mmap(nullptr, sizeof(Totals), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  const Deadline deadline(options.time);
  std::uint64_t engines = 0;

  if (shared == MAP_FAILED) // NOLINT(performance-no-int-to-ptr): it is the system's
    return 2;
  auto *totals = new (shared) Totals();
  for (std::uint64_t seed = options.seed; !deadline.over(); seed++) {
    std::printf("engine %llu\n", static_cast<unsigned long long>(seed));
    std::fflush(stdout);
    if (!live_once(options, seed, *totals)) {
      std::printf("wrong: the engine could not begin\n");
      return 1;
    }
    engines++;
  }
  std::printf("%llu engines, %llu calls, %llu answers spoilt, %llu refused; %llu other calls\n",
              static_cast<unsigned long long>(engines),
              static_cast<unsigned long long>(totals->calls.load()),
              static_cast<unsigned long long>(totals->spoilt.load()),
              static_cast<unsigned long long>(totals->refused.load()),
              static_cast<unsigned long long>(totals->ioctls.load()));
  return totals->calls ? 0 : 1;
}

} // namespace qtfs::fuzz
