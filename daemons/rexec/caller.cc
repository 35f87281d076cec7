// SPDX-License-Identifier: GPL-2.0

#include "caller.hh"

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <dirent.h>
#include <fcntl.h>
#include <linux/kcmp.h>
#include <memory>
#include <optional>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "fd.hh"
#include "proc_path.hh"
#include "socket.hh"

namespace qtfs::rexec {

namespace {

using Kind = Object::Kind;

constexpr std::uint64_t bit(int signal)
{
  return std::uint64_t{1} << (signal - 1);
}

// Those that aren't closed by execve(), so that they came through one.
std::vector<int> open_descriptors()
{
  const std::unique_ptr<DIR, int (*)(DIR *)> directory(::opendir("/proc/self/fd"), &::closedir);
  std::vector<int> found;

  while (const dirent *entry = directory ? ::readdir(directory.get()) : nullptr) {
    const int fd = std::atoi(entry->d_name); // NOLINT(cert-err34-c): "." and ".." are 0
    const int flags = entry->d_name[0] == '.' ? -1 : ::fcntl(fd, F_GETFD);

    if (flags >= 0 && !(flags & FD_CLOEXEC))
      found.push_back(fd);
  }
  std::ranges::sort(found);
  return found;
}

int socket_option(int fd, int option)
{
  int value = -1;
  socklen_t size = sizeof(value);

  return ::getsockopt(fd, SOL_SOCKET, option, &value, &size) == 0 ? value : -1;
}

// What a socket is for the command; nothing: it can't be had.
std::optional<Kind> kind_of_socket(int fd)
{
  if (socket_option(fd, SO_TYPE) != SOCK_STREAM)
    return std::nullopt;
  if (socket_option(fd, SO_ACCEPTCONN) != 1)
    return Kind::Duplex;
  return socket_option(fd, SO_DOMAIN) == AF_UNIX ? std::optional(Kind::Listener) : std::nullopt;
}

// Whether two descriptors share an offset.  A kernel without kcmp() says no.
bool same_open_file(int a, int b)
{
  const pid_t self = ::getpid();

  return ::syscall(SYS_kcmp, self, self, KCMP_FILE, a, b) == 0;
}

Kind by_direction(int number, int flags)
{
  switch (flags & O_ACCMODE) {
  case O_RDONLY:
    return Kind::Input;
  case O_WRONLY:
    return Kind::Output;
  default:
    return number == STDIN_FILENO ? Kind::Input : Kind::Output;
  }
}

std::vector<Limit> limits_of_process()
{
  const auto wire = [](rlim_t value) {
    return value == RLIM_INFINITY ? ~std::uint64_t{0} : std::uint64_t{value};
  };
  std::vector<Limit> limits;

  for (int i = 0; i < static_cast<int>(RLIM_NLIMITS); i++) {
    rlimit limit = {RLIM_INFINITY, RLIM_INFINITY};
    ::getrlimit(static_cast<__rlimit_resource_t>(i), &limit);
    limits.push_back({wire(limit.rlim_cur), wire(limit.rlim_max)});
  }
  return limits;
}

std::vector<std::uint32_t> groups_of_process()
{
  std::vector<gid_t> groups(groups_max);
  const int n = ::getgroups(static_cast<int>(groups.size()), groups.data());

  return {groups.begin(), groups.begin() + std::max(n, 0)};
}

std::uint32_t umask_of_process()
{
  const mode_t mask = ::umask(0);

  ::umask(mask);
  return mask;
}

// Those that this kernel knows and executing a program doesn't give.
std::uint64_t lacking_capabilities()
{
  std::uint64_t lacking = 0;

  for (int number = 0; number < 64; number++)
    if (::prctl(PR_CAPBSET_READ, number, 0, 0, 0) == 0)
      lacking |= std::uint64_t{1} << number;
  return lacking;
}

void describe_terminal(Request &request, int fd)
{
  winsize size = {};
  termios modes = {};

  if (::ioctl(fd, TIOCGWINSZ, &size) == 0)
    request.size = {size.ws_row, size.ws_col, size.ws_xpixel, size.ws_ypixel};
  if (::tcgetattr(fd, &modes) == 0) {
    request.flags |= Request::has_modes;
    request.modes = {modes.c_iflag, modes.c_oflag, modes.c_cflag, modes.c_lflag, {}};
    std::ranges::copy(modes.c_cc, request.modes.cc.begin());
  }
}

bool lies_in(const std::string &path, const std::string &directory)
{
  return directory == "/" || path == directory || path.starts_with(directory + "/");
}

std::string join(const std::string &directory, const std::string &rest)
{
  return directory.ends_with('/') && rest.starts_with('/') ? directory + rest.substr(1)
                                                           : directory + rest;
}

} // namespace

std::string remote_directory(const std::string &directory, const std::vector<MountInfo> &mounts)
{
  std::string mapped = directory;
  std::size_t longest = 0;

  for (const MountInfo &mount : mounts) {
    const std::string &point = mount.point;
    // Of mounts on each other the last one counts.
    if (point.empty() || !lies_in(directory, point) || point.size() < longest)
      continue;
    longest = point.size();
    mapped = directory;
    if (is_qtfs(mount.type) && mount.source.starts_with('/')) {
      const std::string rest = directory.substr(point == "/" ? 0 : point.size());
      mapped =
        join(join(mount.source, mount.root == "/" ? "" : mount.root), rest == "/" ? "" : rest);
    }
  }
  return mapped.size() > 1 && mapped.ends_with('/') ? mapped.substr(0, mapped.size() - 1) : mapped;
}

struct Caller::Plan {
  const ClientOptions &options;
  bool same_machine;
  bool pass;
  bool all_terminal; // -t, and none of 0, 1, 2 is one here
  std::vector<MountInfo> mounts;
  Prepared prepared;
  std::vector<struct stat> stats; // by object
  std::vector<int> numbers;       // by object: its first descriptor
};

Caller::Caller() : descriptors_(open_descriptors()), limits_(limits_of_process())
{
  rlimit most = {};
  if (::getrlimit(RLIMIT_NOFILE, &most) == 0) {
    most.rlim_cur = most.rlim_max;
    ::setrlimit(RLIMIT_NOFILE, &most);
  }

  // So that nothing of ours gets their numbers.
  for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
    if (::fcntl(fd, F_GETFD) < 0)
      ::open("/dev/null", O_RDWR);

  sigset_t mask;
  ::sigprocmask(SIG_SETMASK, nullptr, &mask);
  for (int signal = 1; signal < NSIG; signal++) {
    struct sigaction action = {};

    if (::sigaction(signal, nullptr, &action) == 0 && action.sa_handler == SIG_IGN)
      ignored_ |= bit(signal);
    if (sigismember(&mask, signal) == 1)
      blocked_ |= bit(signal);
  }
}

void Caller::release() const
{
  const Fd null(::open("/dev/null", O_RDWR | O_CLOEXEC));

  for (const int fd : descriptors_)
    if (fd > STDERR_FILENO)
      ::close(fd);
    else
      ::dup2(null.get(), fd);
}

Result<Caller::Prepared, std::string> Caller::prepare(const ClientOptions &options,
                                                      const std::string &machine, bool pass) const
{
  const bool same_machine = machine == this_machine();
  const auto is_terminal = [&](int fd) { return fd <= STDERR_FILENO && ::isatty(fd); };
  Plan plan = {options,
               same_machine,
               pass,
               options.terminal && std::ranges::none_of(descriptors_, is_terminal),
               read_mountinfo(),
               {},
               {},
               {}};
  Request &request = plan.prepared.request;

  request.flags = (options.terminal ? Request::terminal : 0U) |
                  (options.orphan ? Request::orphan : 0U) | (options.detach ? Request::detach : 0U);
  request.uid = ::geteuid();
  request.gid = ::getegid();
  request.groups = groups_of_process();
  request.umask = umask_of_process();
  request.grace_ms = static_cast<std::uint32_t>(options.grace * 1000);
  request.ignored = ignored_;
  request.blocked = blocked_;
  request.lacking = lacking_capabilities();
  if (::prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1)
    request.flags |= Request::no_new_privs;
  request.limits = limits_;
  request.argv = options.command;
  for (char **variable = environ; *variable; variable++)
    request.environment.emplace_back(*variable);

  request.cwd = options.cwd;
  if (request.cwd.empty()) {
    const std::unique_ptr<char, decltype(&std::free)> cwd(::getcwd(nullptr, 0), &std::free);
    if (!cwd || *cwd != '/')
      return std::string("the working directory has no path here (--cwd DIR names one there)");
    request.cwd = same_machine ? cwd.get() : remote_directory(cwd.get(), plan.mounts);
  } else if (request.cwd.front() != '/') {
    return "--cwd " + request.cwd + ": the path isn't absolute";
  }

  for (const int number : descriptors_) {
    if (number > STDERR_FILENO && options.stdio_only)
      break;
    std::string wrong = add_descriptor(plan, number);
    if (!wrong.empty())
      return wrong;
  }
  if (options.terminal) {
    const auto terminal = std::ranges::find(request.objects, Kind::Terminal, &Object::kind);
    if (terminal == request.objects.end())
      return std::string("-t: standard input, output and error are all closed");
    const auto object = static_cast<std::size_t>(terminal - request.objects.begin());
    describe_terminal(request, plan.prepared.readable[object]);
  }
  if (request.objects.size() > objects_max || request.descriptors.size() > descriptors_max)
    return "there are " + std::to_string(request.descriptors.size()) +
           " open descriptors, which is too many (--stdio-only leaves out those beyond 2)";
  return std::move(plan.prepared);
}

namespace {

struct Situation {
  bool terminal;     // -t
  bool all_terminal; // for all of 0, 1 and 2
  bool same_machine;
  bool pass;
  const std::vector<MountInfo> &mounts;
};

// One that listens is the command's own, where it can be had.
std::optional<Kind> socket_of_both(int number, std::optional<Kind> passed)
{
  const std::optional<Kind> kind = kind_of_socket(number);

  return !kind || (kind == Kind::Listener && passed) ? passed : kind;
}

// What the descriptor is for the command; nothing: it can't have it.
std::optional<Kind> classify(int number, const struct stat &st, const Situation &situation)
{
  const bool standard = number <= STDERR_FILENO;
  const int flags = ::fcntl(number, F_GETFL);
  const bool passable =
    situation.pass && (situation.same_machine || is_on_qtfs(number, situation.mounts));
  const std::optional<Kind> passed = passable ? std::optional(Kind::Passed) : std::nullopt;

  if (standard && situation.all_terminal)
    return Kind::Terminal;
  if (S_ISCHR(st.st_mode) && st.st_rdev == makedev(1, 3))
    return Kind::Null;
  if (S_ISFIFO(st.st_mode) && !(flags & O_PATH))
    return standard || (flags & O_ACCMODE) != O_RDWR ? by_direction(number, flags) : passed;
  if (S_ISSOCK(st.st_mode) && !(flags & O_PATH))
    return socket_of_both(number, passed);
  if (::isatty(number) && standard) {
    if (situation.terminal)
      return Kind::Terminal;
    return number == STDIN_FILENO ? Kind::Input : Kind::Output;
  }
  // Of a file that the other machine opens as well, the offset isn't shared: who goes on with it
  // here would overwrite what was written there.
  if (standard && !situation.same_machine && S_ISREG(st.st_mode) && !(flags & O_APPEND))
    return by_direction(number, flags);
  // Their bytes in order do as well, where the file itself can't be had.
  if (!passed && standard && (S_ISREG(st.st_mode) || S_ISCHR(st.st_mode)))
    return by_direction(number, flags);
  return passed;
}

} // namespace

std::string Caller::add_descriptor(Plan &plan, int number) const
{
  Request &request = plan.prepared.request;
  const Situation situation = {plan.options.terminal, plan.all_terminal, plan.same_machine,
                               plan.pass, plan.mounts};
  struct stat st;

  if (::fstat(number, &st) != 0)
    return {};
  std::optional<Kind> kind = classify(number, st, situation);
  if (!kind)
    return "descriptor " + std::to_string(number) + " (" + name_of_fd(number) +
           ") can't be had on the other machine: operation not supported (--stdio-only leaves out "
           "those beyond 2)";
  if (number == STDIN_FILENO && plan.options.no_input)
    kind = Kind::Null;
  if (plan.options.detach && *kind != Kind::Passed)
    kind = Kind::Null;

  // One pipe is one stream, however many descriptors it has, so that what is
  // written to it keeps its order; and one open file has one offset.
  const auto same = [&](std::size_t i) {
    if (request.objects[i].kind != *kind)
      return false;
    if (*kind == Kind::Passed)
      return same_open_file(plan.numbers[i], number);
    return *kind == Kind::Null || *kind == Kind::Terminal ||
           (plan.stats[i].st_dev == st.st_dev && plan.stats[i].st_ino == st.st_ino);
  };
  std::size_t object = 0;
  while (object < request.objects.size() && !same(object))
    object++;

  if (object == request.objects.size()) {
    request.objects.push_back({*kind});
    plan.stats.push_back(st);
    plan.numbers.push_back(number);
    plan.prepared.readable.push_back(number);
    plan.prepared.writable.push_back(number);
    if (*kind == Kind::Passed)
      plan.prepared.passed.push_back(number);
  } else if (*kind == Kind::Terminal && plan.prepared.writable[object] == STDIN_FILENO) {
    plan.prepared.writable[object] = number;
  }
  request.descriptors.push_back(
    {static_cast<std::uint32_t>(number), static_cast<std::uint32_t>(object)});
  return {};
}

} // namespace qtfs::rexec
