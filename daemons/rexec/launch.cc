// SPDX-License-Identifier: GPL-2.0

#include "launch.hh"

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <fcntl.h>
#include <grp.h>
#include <memory>
#include <optional>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

namespace qtfs::rexec {

namespace {

using Reason = Failure::Reason;

constexpr int continued_status = 0xffff; // WIFCONTINUED()

// Tells the server why, and ends.
class Reporter {
public:
  explicit Reporter(int fd) : fd_(fd) {}

  [[noreturn]] void fail(const Failure &failure) const
  {
    const std::string text = encode(failure);
    [[maybe_unused]] const ssize_t n = ::write(fd_, text.data(), text.size());
    ::_exit(EXIT_FAILURE);
  }
  [[noreturn]] void fail(const std::string &what, int error = errno,
                         Reason reason = Reason::Refused) const
  {
    fail(Failure{reason, what + ": " + errno_code(error).message()});
  }

  int fd() const { return fd_; }
  void move_to(int fd) { fd_ = fd; }

private:
  int fd_;
};

sigset_t set_of(std::uint64_t signals)
{
  sigset_t set;

  sigemptyset(&set);
  for (int signal = 1; signal < NSIG; signal++)
    if (signals >> (signal - 1) & 1)
      sigaddset(&set, signal);
  return set;
}

// All of them stay blocked until the very end: what comes meanwhile is then for the command.
void set_dispositions(std::uint64_t ignored)
{
  for (int signal = 1; signal < NSIG; signal++)
    ::signal(signal, ignored >> (signal - 1) & 1 ? SIG_IGN : SIG_DFL);
}

// At the numbers that the command expects, and nothing else.
void place_descriptors(const Launch &plan, Reporter &reporter)
{
  int beyond = STDERR_FILENO + 1;
  for (const Placement &placement : plan.placements)
    beyond = std::max(beyond, placement.number + 1);

  // Out of the way of the numbers first.
  const auto move = [&](int fd) {
    const int moved = ::fcntl(fd, F_DUPFD_CLOEXEC, beyond);
    if (moved < 0)
      reporter.fail("descriptors up to " + std::to_string(beyond));
    return moved;
  };
  std::vector<Placement> placements = plan.placements;
  reporter.move_to(move(reporter.fd()));
  for (Placement &placement : placements)
    placement.fd = move(placement.fd);

  ::close_range(0, static_cast<unsigned>(beyond) - 1, 0);
  for (const Placement &placement : placements)
    if (::dup2(placement.fd, placement.number) < 0)
      reporter.fail("descriptor " + std::to_string(placement.number));
}

// As much as is allowed: more than this machine's administrator has set for
// the server, only a caller who is root gets, if at all.
void set_limits(const std::vector<Limit> &limits)
{
  for (std::size_t i = 0; i < limits.size(); i++) {
    const auto resource = static_cast<__rlimit_resource_t>(i);
    rlimit wanted = {limits[i].soft, limits[i].hard};
    rlimit present = {};

    if (::setrlimit(resource, &wanted) == 0 || ::getrlimit(resource, &present) != 0)
      continue;
    wanted.rlim_max = std::min(wanted.rlim_max, present.rlim_max);
    wanted.rlim_cur = std::min(wanted.rlim_cur, wanted.rlim_max);
    ::setrlimit(resource, &wanted);
  }
}

// What the caller can't have by executing a program, the command can't have, either.  Only
// root serves others than itself, and can take it away.
void give_up(const Request &request, const Reporter &reporter)
{
  for (int number = 0; number < 64 && ::geteuid() == 0; number++)
    if (request.lacking >> number & 1 && ::prctl(PR_CAPBSET_READ, number, 0, 0, 0) == 1 &&
        ::prctl(PR_CAPBSET_DROP, number, 0, 0, 0) != 0)
      reporter.fail("capability " + std::to_string(number));
  if (request.flags & Request::no_new_privs && ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
    reporter.fail("no_new_privs");
}

void become(const Launch &plan, const Reporter &reporter)
{
  const Identity &identity = plan.identity;

  if (identity.by_root)
    set_limits(plan.request.limits);
  give_up(plan.request, reporter);
  // Whoever serves without being root can only be itself.
  const std::vector<gid_t> groups(identity.groups.begin(), identity.groups.end());
  if (::geteuid() == 0 && ::setgroups(groups.size(), groups.data()) != 0)
    reporter.fail("setgroups");
  if (::setresgid(identity.gid, identity.gid, identity.gid) != 0)
    reporter.fail("setresgid " + std::to_string(identity.gid));
  if (::setresuid(identity.uid, identity.uid, identity.uid) != 0)
    reporter.fail("setresuid " + std::to_string(identity.uid));
  if (!identity.by_root)
    set_limits(plan.request.limits);
  ::umask(plan.request.umask);
}

[[noreturn]] void execute(const Launch &plan, const std::string &path, const Reporter &reporter)
{
  const Request &request = plan.request;
  std::vector<char *> argv;
  std::vector<char *> environment;

  const auto pointer = [](const std::string &text) { return const_cast<char *>(text.c_str()); };
  std::ranges::transform(request.argv, std::back_inserter(argv), pointer);
  argv.push_back(nullptr);
  std::ranges::transform(plan.environment, std::back_inserter(environment), pointer);
  environment.push_back(nullptr);

  const sigset_t blocked = set_of(request.blocked);
  ::sigprocmask(SIG_SETMASK, &blocked, nullptr);
  ::execve(path.c_str(), argv.data(), environment.data());
  if (errno == ENOEXEC) {
    // A script without "#!" is the shell's, as for execvp().
    argv.insert(argv.begin() + 1, pointer(path));
    argv[0] = const_cast<char *>("sh");
    ::execve("/bin/sh", argv.data(), environment.data());
  }
  reporter.fail(path);
}

// The process is what the command's parent expects; now it becomes the command.
// @server: whose death is the caller's loss; 0: the keeper sees to that.
[[noreturn]] void run_command(const Launch &plan, Reporter &reporter, pid_t server)
{
  const Request &request = plan.request;

  place_descriptors(plan, reporter);
  become(plan, reporter); // which would undo the following
  if (server != 0 && !(request.flags & (Request::orphan | Request::detach))) {
    ::prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (::getppid() != server)
      ::_exit(EXIT_FAILURE);
  }
  if (::chdir(request.cwd.c_str()) != 0)
    reporter.fail("working directory " + request.cwd);

  const Result<std::string, Failure> path =
    look_up(request.argv.front(), plan.environment, request.cwd);
  if (!path)
    reporter.fail(path.error());
  switch (plan.commands.judge(*path, request.argv)) {
  case CommandList::Verdict::Allowed:
    execute(plan, *path, reporter);
  case CommandList::Verdict::Unlisted:
    reporter.fail({Reason::Refused, *path + ": not allowed: it isn't in " + plan.commands.file() +
                                      " of the server"});
  case CommandList::Verdict::Arguments:
    reporter.fail({Reason::Refused, *path + ": not allowed with these arguments by " +
                                      plan.commands.file() + " of the server"});
  }
  ::_exit(EXIT_FAILURE);
}

// ---- the keeper ----

// What has become of the command, as waitpid() says it; nothing: nothing new.
// One that has ended stays a zombie, so that its number is its own for as long
// as the server may use it.
std::optional<int> next_status(pid_t command)
{
  const auto id = static_cast<id_t>(command);
  siginfo_t info = {};

  if (::waitid(P_PID, id, &info, WSTOPPED | WCONTINUED | WNOHANG) == 0 && info.si_pid != 0)
    return info.si_code == CLD_CONTINUED ? continued_status : W_STOPCODE(info.si_status);
  info = {};
  if (::waitid(P_PID, id, &info, WEXITED | WNOHANG | WNOWAIT) != 0 || info.si_pid == 0)
    return std::nullopt;
  if (info.si_code == CLD_EXITED)
    return W_EXITCODE(info.si_status, 0);
  return info.si_status | (info.si_code == CLD_DUMPED ? WCOREFLAG : 0);
}

// Until the server lets go.
[[noreturn]] void keep(pid_t command, int server, bool orphan)
{
  sigset_t child;
  sigemptyset(&child);
  sigaddset(&child, SIGCHLD);
  const Fd signals(::signalfd(-1, &child, SFD_CLOEXEC | SFD_NONBLOCK));
  const auto tell = [&](KeeperNote note) {
    [[maybe_unused]] const ssize_t n = ::send(server, &note, sizeof(note), MSG_NOSIGNAL);
  };

  tell({KeeperNote::What::Pid, command});
  std::array<pollfd, 2> events = {{{server, POLLIN, 0}, {signals.get(), POLLIN, 0}}};
  for (bool ended = false;;) {
    while (!ended) {
      const std::optional<int> status = next_status(command);
      if (!status)
        break;
      tell({KeeperNote::What::Status, *status});
      ended = !WIFSTOPPED(*status) && !WIFCONTINUED(*status);
    }

    if (::poll(events.data(), events.size(), -1) < 0 && errno != EINTR)
      ::_exit(EXIT_FAILURE);
    signalfd_siginfo info;
    [[maybe_unused]] const ssize_t n = ::read(signals.get(), &info, sizeof(info));
    if (events[0].revents) {
      if (!ended && !orphan) {
        ::kill(-command, SIGHUP);
        ::kill(-command, SIGCONT);
      }
      ::_exit(EXIT_SUCCESS);
    }
  }
}

// The session's leader, with the terminal as the controlling one, begets the
// command and becomes the keeper.
[[noreturn]] void lead_session(const Launch &plan, Reporter &reporter, int server)
{
  if (::setsid() < 0 || ::ioctl(plan.terminal, TIOCSCTTY, 0) != 0)
    reporter.fail("controlling terminal");
  // Whether the command may be stopped depends on its parent, so this has to be another process.
  const pid_t command = ::fork();
  if (command < 0)
    reporter.fail("fork");
  if (command == 0) {
    ::setpgid(0, 0);
    ::tcsetpgrp(plan.terminal, ::getpid()); // SIGTTOU is blocked
    set_dispositions(plan.request.ignored);
    run_command(plan, reporter, 0);
  }
  ::setpgid(command, command);

  // It must hold nothing of the command's, or its pipes would never end.
  const int kept = STDERR_FILENO + 1;
  const int moved = server == kept ? kept : ::dup2(server, kept);
  for (int fd = 0; fd < kept; fd++)
    ::close(fd);
  ::close_range(kept + 1, ~0U, 0);
  keep(command, moved, plan.request.flags & Request::orphan);
}

} // namespace

Result<Launched> launch(const Launch &plan)
{
  const bool terminal = plan.terminal >= 0;
  std::array<int, 2> report = {-1, -1};
  std::array<int, 2> keeper = {-1, -1};

  if (::pipe2(report.data(), O_CLOEXEC) != 0)
    return last_error();
  Launched launched;
  launched.report = Fd(report[0]);
  const Fd report_end(report[1]);
  if (terminal && ::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, keeper.data()) != 0)
    return last_error();
  launched.keeper = Fd(keeper[0]);
  const Fd keeper_end(keeper[1]);

  // The server's handlers must not run in the child.
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  ::sigprocmask(SIG_SETMASK, &all, &before);
  const pid_t server = ::getpid();
  launched.pid = ::fork();
  if (launched.pid == 0) {
    Reporter reporter(report_end.get());

    if (terminal) {
      set_dispositions(1ULL << (SIGHUP - 1));
      launched.keeper.reset();
      lead_session(plan, reporter, keeper_end.get());
    }
    ::setpgid(0, 0);
    set_dispositions(plan.request.ignored);
    run_command(plan, reporter, server);
  }
  const int error = errno;
  ::sigprocmask(SIG_SETMASK, &before, nullptr);
  if (launched.pid < 0)
    return errno_code(error);
  if (!terminal)
    ::setpgid(launched.pid, launched.pid); // whoever is first: then it can be signalled at once
  return launched;
}

Result<std::string, Failure> look_up(const std::string &command,
                                     const std::vector<std::string> &environment,
                                     const std::string &cwd)
{
  int error = ENOENT;
  const auto try_file = [&](const std::string &file) -> std::string {
    const std::unique_ptr<char, decltype(&std::free)> real(::realpath(file.c_str(), nullptr),
                                                           &std::free);
    struct stat st;

    if (!real || ::stat(real.get(), &st) != 0) {
      if (errno != ENOENT && errno != ENOTDIR)
        error = errno;
      return {};
    }
    if (!S_ISREG(st.st_mode) || ::faccessat(AT_FDCWD, real.get(), X_OK, AT_EACCESS) != 0) {
      error = EACCES;
      return {};
    }
    return real.get();
  };
  const auto failed = [&] {
    return Failure{error == ENOENT ? Reason::NotFound : Reason::Refused,
                   command + ": " +
                     (error == ENOENT ? "command not found on the server"
                                      : errno_code(error).message() + " on the server")};
  };

  if (command.find('/') != std::string::npos) {
    std::string path = try_file(command.front() == '/' ? command : cwd + "/" + command);
    if (path.empty())
      return failed();
    return path;
  }

  std::string_view rest = default_path;
  for (const std::string &variable : environment)
    if (variable.starts_with("PATH="))
      rest = std::string_view(variable).substr(5);
  for (bool more = true; more;) {
    const std::size_t end = std::min(rest.find(':'), rest.size());
    std::string file(end == 0 ? "." : rest.substr(0, end));
    if (file.front() != '/')
      file.insert(0, cwd + "/");
    std::string path = try_file(file.append("/").append(command));
    if (!path.empty())
      return path;
    more = end < rest.size();
    rest.remove_prefix(more ? end + 1 : end);
  }
  return failed();
}

} // namespace qtfs::rexec
