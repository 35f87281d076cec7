// SPDX-License-Identifier: GPL-2.0
//
// PROCESS: signals, processors and limits of processes of this machine.
//
// A process is a node, its directory in /proc: the kernel keeps that to the one process
// for as long as the module holds it, and it is empty once the process is gone.  The
// policy is asked about the program that it executes and the name that it has.
//
// Signals to processes and groups are sent by the module, as kmod/server/process.c says;
// here it is only found out to whom.

#include <charconv>
#include <dirent.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <memory>
#include <sched.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "call.hh"
#include "proc_stat.hh"
#include "read_all.hh"

namespace qtfs::engine {

namespace {

constexpr std::string_view proc = "/proc";

template <typename Number> std::optional<Number> number_of(std::string_view text)
{
  Number number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);

  if (error != std::errc() || end != text.data() + text.size())
    return std::nullopt;
  return number;
}

// What a node's path says that it is: /proc/PID or /proc/PID/task/TID.
struct Place {
  pid_t pid = 0;
  pid_t thread = 0; // 0: the process
};

std::optional<Place> place_in_proc(std::string_view path)
{
  Place place;

  if (!path.starts_with(proc) || !path.substr(proc.size()).starts_with('/'))
    return std::nullopt;
  path.remove_prefix(proc.size() + 1);

  const std::size_t end = path.find('/');
  const std::optional<pid_t> pid = number_of<pid_t>(path.substr(0, end));
  if (!pid || *pid <= 0)
    return std::nullopt;
  place.pid = *pid;
  if (end == std::string_view::npos)
    return place;

  constexpr std::string_view task = "/task/";
  if (!path.substr(end).starts_with(task))
    return std::nullopt;
  const std::optional<pid_t> thread = number_of<pid_t>(path.substr(end + task.size()));
  if (!thread || *thread <= 0)
    return std::nullopt;
  place.thread = *thread;
  return place;
}

// The process that a thread is of.
std::optional<pid_t> leader_in(int directory)
{
  const Result<std::string> text = read_file_at(directory, "status");
  const auto leader = text ? proc_status_value(*text, "Tgid") : std::nullopt;

  return leader ? number_of<pid_t>(*leader) : std::nullopt;
}

// The path of the program; empty for what has none, as threads of the kernel.
std::string program_in(int directory)
{
  constexpr std::string_view deleted = " (deleted)";
  std::string path(QTFS_SLOT_PATH_SIZE, '\0');
  const ssize_t n = ::readlinkat(directory, "exe", path.data(), path.size());
  struct stat st;

  path.resize(n > 0 && static_cast<std::size_t>(n) < path.size() ? static_cast<std::size_t>(n) : 0);
  if (path.ends_with(deleted) && ::fstatat(directory, "exe", &st, 0) == 0 && st.st_nlink == 0)
    path.resize(path.size() - deleted.size());
  return path;
}

// Sees as the engine what is the policy's to know, whoever asks.
class Sight {
public:
  explicit Sight(Credentials &credentials) : credentials_(credentials)
  {
    credentials_.begin_to_see();
  }
  Sight(const Sight &) = delete;
  ~Sight() { credentials_.end_to_see(); }

private:
  Credentials &credentials_;
};

class Disguise {
public:
  Disguise(Credentials &credentials, Credentials::Real real)
      : credentials_(credentials), error_(credentials.become(real))
  {
  }
  Disguise(const Disguise &) = delete;
  ~Disguise() { credentials_.return_to_self(); }

  std::error_code error() const { return error_; }

private:
  Credentials &credentials_;
  std::error_code error_;
};

// Whether the policy allows what is wanted of the process or thread whose directory it is;
// @tasks leads from there to those of its threads.  0, EACCES or ESRCH.
int judge_process(Call &call, int directory, const char *tasks)
{
  const std::optional<pid_t> leader = leader_in(directory);
  if (!leader)
    return ESRCH;
  // A thread has a name of its own; what counts is its process's.
  Result<std::string> name = read_file_at(directory, tasks + std::to_string(*leader) + "/comm");
  if (!name || name->empty())
    return ESRCH;
  if (name->ends_with('\n'))
    name->pop_back();
  return call.judge.allows_process(*name, program_in(directory)) ? 0 : EACCES;
}

bool is_proc(int fd)
{
  struct statfs st;

  return ::fstatfs(fd, &st) == 0 && st.f_type == PROC_SUPER_MAGIC;
}

// All members have to be allowed.  Who joins later does so by being a child of one.
int judge_group(Call &call, pid_t group)
{
  const int fd = ::openat(call.slot.node(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  const std::unique_ptr<DIR, int (*)(DIR *)> list(fd < 0 ? nullptr : ::fdopendir(fd), ::closedir);
  int status = ESRCH;

  if (!list)
    return errno;
  while (const dirent *entry = ::readdir(list.get())) {
    if (!number_of<pid_t>(entry->d_name))
      continue;
    const Fd process(look_up(fd, entry->d_name));
    const std::optional<ProcStat> stat =
      process ? read_proc_stat(process.get(), "stat") : std::nullopt;
    if (!stat || stat->group != group)
      continue;
    const int verdict = judge_process(call, process.get(), "task/");
    if (verdict == EACCES)
      return EACCES;
    if (verdict == 0)
      status = 0;
  }
  return status;
}

int signal_target(Call &call, std::uint64_t number, std::uint64_t start)
{
  auto &target = call.slot.reply_body<qtfs_process_target>();

  target = {};
  target.pid = static_cast<__u32>(number);
  target.start = start;
  return 0;
}

int kill_group(Call &call)
{
  const auto group = static_cast<pid_t>(le(call.slot.body<qtfs_process>().group));
  int status;

  if (call.slot.path(0) != proc || !is_proc(call.slot.node()))
    return EINVAL;
  {
    const Sight sight(call.credentials);
    status = judge_group(call, group);
  }
  return status ? status : signal_target(call, static_cast<std::uint64_t>(group), 0);
}

// Whoever asks for a thread's signal again can't be told whether it was sent.
int kill_thread(Call &call, const Place &place)
{
  const auto signal = static_cast<int>(le(call.slot.body<qtfs_process>().arg));
  const Disguise disguise(call.credentials, Credentials::Real::Nobody);

  if (disguise.error())
    return EPERM;
  if (call.earlier() && signal)
    return EIO;
  call.begin();
  return status_of(static_cast<int>(::syscall(SYS_tgkill, place.pid, place.thread, signal)));
}

int get_cpus(Call &call, pid_t id)
{
  auto &reply = call.slot.reply_body<qtfs_process_rep>();

  reply = {};
  return ::syscall(SYS_sched_getaffinity, id, sizeof(reply.cpus), reply.cpus) < 0 ? errno : 0;
}

int set_cpus(Call &call, pid_t id)
{
  const auto &body = call.slot.body<qtfs_process>();
  const Disguise disguise(call.credentials, Credentials::Real::Nobody);

  call.slot.reply_body<qtfs_process_rep>() = {};
  if (disguise.error())
    return EPERM;
  call.begin();
  return status_of(
    static_cast<int>(::syscall(SYS_sched_setaffinity, id, sizeof(body.cpus), body.cpus)));
}

// A limit that is set is answered with what it was before, which the note keeps.
int limit(Call &call, pid_t id)
{
  const auto &body = call.slot.body<qtfs_process>();
  auto &reply = call.slot.reply_body<qtfs_process_rep>();
  const bool sets = le(body.what) == QTFS_PROCESS_SET_LIMIT;
  const auto resource = static_cast<__rlimit_resource>(le(body.arg));
  const rlimit64 wanted = {le(body.soft), le(body.hard)};
  rlimit64 old = {};
  // prlimit(2) looks at the real ids.
  const Disguise disguise(call.credentials, Credentials::Real::Caller);

  reply = {};
  if (disguise.error())
    return EPERM;
  if (const std::optional<Note> earlier = call.earlier()) {
    old = {earlier->number, earlier->before[0].device};
  } else if (::prlimit64(id, resource, nullptr, &old) != 0) {
    return errno;
  }
  if (sets) {
    Identity hard;

    hard.device = old.rlim_max;
    call.begin(hard, {}, old.rlim_cur);
    if (::prlimit64(id, resource, &wanted, nullptr) != 0)
      return errno;
  }
  reply.soft = le(__u64{old.rlim_cur});
  reply.hard = le(__u64{old.rlim_max});
  return 0;
}

} // namespace

int exec_process(Call &call)
{
  const std::uint32_t what = le(call.slot.body<qtfs_process>().what);
  std::optional<ProcStat> stat;
  int verdict = ESRCH;

  if (what == QTFS_PROCESS_KILL_GROUP)
    return kill_group(call);
  if (call.slot.raw().flags & QTFS_SLOT_DELETED0)
    return ESRCH;
  const std::optional<Place> place = place_in_proc(call.slot.path(0));
  if (!place || !is_proc(call.slot.node()) ||
      (what == QTFS_PROCESS_KILL_THREAD) > (place->thread != 0))
    return EINVAL;
  {
    const Sight sight(call.credentials);

    stat = read_proc_stat(call.slot.node(), "stat");
    if (stat)
      verdict = judge_process(call, call.slot.node(), place->thread ? "../" : "task/");
  }
  if (verdict)
    return verdict;

  const pid_t id = place->thread ? place->thread : place->pid;
  switch (what) {
  case QTFS_PROCESS_KILL:
    return signal_target(call, static_cast<std::uint64_t>(id), stat->start);
  case QTFS_PROCESS_KILL_THREAD:
    return kill_thread(call, *place);
  case QTFS_PROCESS_GET_CPUS:
    return get_cpus(call, id);
  case QTFS_PROCESS_SET_CPUS:
    return set_cpus(call, id);
  case QTFS_PROCESS_GET_LIMIT:
  case QTFS_PROCESS_SET_LIMIT:
    return limit(call, id);
  default:
    return EINVAL;
  }
}

} // namespace qtfs::engine
