// SPDX-License-Identifier: GPL-2.0

#include "supervisor.hh"

#include <array>
#include <csignal>
#include <cstdlib>
#include <fcntl.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <sched.h>
#include <set>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

#include "kin.hh"
#include "new_mounts.hh"
#include "unix_socket.hh"

// Newer than the headers may be.
#ifndef SECCOMP_IOCTL_NOTIF_SET_FLAGS
#define SECCOMP_IOCTL_NOTIF_SET_FLAGS SECCOMP_IOW(4, __u64)
#define SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP (1UL << 0)
#endif

namespace qtfs::qtrun {

namespace {

// So many calls at once; those of the host may take long.
constexpr unsigned threads = 16;

Answer answer(const Task &task, const World &world, int call)
{
  switch (call) {
  case SYS_mount:
    return answer_mount(task, world);
  case SYS_umount2:
    return answer_umount(task, world);
  case SYS_fsopen:
    return answer_fsopen(task, world);
  case SYS_fspick:
    return answer_fspick(task, world);
  case SYS_fsconfig:
    return answer_fsconfig(task, world);
  case SYS_open_tree:
    return answer_open_tree(task, world);
  case SYS_move_mount:
    return answer_move_mount(task, world);
  case SYS_mount_setattr:
    return answer_mount_setattr(task, world);
  case SYS_kill:
    return answer_kill(task, world);
  case SYS_tgkill:
    return answer_tgkill(task, world);
  case SYS_sched_setaffinity:
    return answer_set_cpus(task, world);
  case SYS_sched_getaffinity:
    return answer_get_cpus(task, world);
  case SYS_prlimit64:
    return answer_limit(task, world);
  case SYS_pidfd_open:
    return answer_pidfd_open(task, world);
  case SYS_pidfd_send_signal:
    return answer_pidfd_signal(task, world);
  default:
    return go_on();
  }
}

// Its number in the program, or minus an errno.
int give_file(int listener, __u64 call, const Answer &answer)
{
  seccomp_notif_addfd file = {};

  file.id = call;
  file.srcfd = static_cast<__u32>(answer.file.get());
  file.newfd_flags = answer.inherited ? 0 : O_CLOEXEC;
  if (answer.place >= 0) {
    file.flags = SECCOMP_ADDFD_FLAG_SETFD;
    file.newfd = static_cast<__u32>(answer.place);
  }
  const int fd = ::ioctl(listener, SECCOMP_IOCTL_NOTIF_ADDFD, &file);
  return fd < 0 ? -errno : fd;
}

void serve_one(int listener, const World &world)
{
  seccomp_notif call = {};
  seccomp_notif_resp reply = {};

  if (::ioctl(listener, SECCOMP_IOCTL_NOTIF_RECV, &call) != 0)
    return;
  const Answer result = answer(Task(call, listener, world.proc.get()), world, call.data.nr);
  reply.id = call.id;
  const int fd = result.file ? give_file(listener, call.id, result) : -1;
  if (result.file && result.place < 0) {
    reply.val = fd;
    reply.error = std::min(fd, 0);
  } else if (result.here) {
    reply.flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE;
  } else if (result.error) {
    reply.error = -result.error;
  } else {
    reply.val = result.value;
  }
  // Who was killed meanwhile needs none.
  ::ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, &reply);
}

// Each thread changes its root and its working directory to the caller's.
void serve(int listener, const World &world)
{
  if (::unshare(CLONE_FS) != 0)
    std::abort();
  for (;;)
    serve_one(listener, world);
}

// Of the caller's descriptors, some are kept.
void keep_only(const std::set<int> &kept)
{
  int from = STDERR_FILENO + 1;

  for (const int fd : kept) {
    if (fd > from)
      ::close_range(static_cast<unsigned>(from), static_cast<unsigned>(fd) - 1, 0);
    from = std::max(from, fd + 1);
  }
  ::close_range(static_cast<unsigned>(from), ~0U, 0);
}

// What ends the program, a terminal or the service that it is, doesn't end this: the
// program may have something to do before it goes.
void leave_the_caller(const World &world, int socket)
{
  const int null = ::open("/dev/null", O_RDWR | O_CLOEXEC);

  for (const int fd : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO})
    ::dup2(null, fd);
  std::set<int> kept = {socket};
  for (const Fd *fd : {&world.control, &world.proc, &world.host_proc})
    if (*fd)
      kept.insert(fd->get());
  keep_only(kept);
  ::setsid();
  for (const int signal : {SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGPIPE, SIGUSR1, SIGUSR2})
    ::signal(signal, SIG_IGN);
  if (::chdir("/") != 0)
    std::abort();
}

[[noreturn]] void supervise(World world, Fd socket, pid_t program)
{
  leave_the_caller(world, socket.get());
  std::array<char, 1> byte;
  Result<UnixMessage> message = unix_receive(socket.get(), std::span(byte));
  note_program(world, program);
  if (!message || message->rights.size() != 1 || world.space == 0)
    ::_exit(EXIT_FAILURE);
  const Fd listener = std::move(message->rights[0]);
  // Both go on on the same processor; only newer kernels can.
  ::ioctl(listener.get(), SECCOMP_IOCTL_NOTIF_SET_FLAGS, SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP);
  NewMounts new_mounts;
  world.new_mounts = &new_mounts;
  for (unsigned i = 0; i < threads; i++)
    std::thread(serve, listener.get(), std::cref(world)).detach();
  if (::send(socket.get(), "", 1, MSG_NOSIGNAL) != 1)
    ::_exit(EXIT_FAILURE);
  socket.reset();

  for (;;) {
    pollfd event = {listener.get(), 0, 0};

    if (::poll(&event, 1, -1) > 0 && event.revents & (POLLHUP | POLLERR))
      ::_exit(EXIT_SUCCESS);
  }
}

} // namespace

Result<Supervisor> Supervisor::start(World &&world)
{
  const pid_t program = ::getpid();
  int pair[2];

  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0)
    return last_error();
  Fd ours(pair[0]), its(pair[1]);

  // A child of a child that is gone: the program must not find one that it hasn't got.
  const pid_t child = ::fork();
  if (child < 0)
    return last_error();
  if (child == 0) {
    const pid_t grandchild = ::fork();

    if (grandchild != 0)
      ::_exit(grandchild < 0 ? EXIT_FAILURE : EXIT_SUCCESS);
    ours.reset();
    supervise(std::move(world), std::move(its), program);
  }
  int status = 0;
  if (::waitpid(child, &status, 0) != child || status != 0)
    return errno_code(EAGAIN);
  return Supervisor(std::move(ours));
}

std::error_code Supervisor::take(Fd listener)
{
  const std::array rights = {listener.get()};
  char byte;

  if (const auto sent = unix_send(socket_.get(), "l", {.rights = rights}); !sent)
    return sent.error();
  const ssize_t n = ::recv(socket_.get(), &byte, sizeof(byte), 0);
  if (n == 1)
    return {};
  return n < 0 ? last_error() : errno_code(EPIPE);
}

} // namespace qtfs::qtrun
