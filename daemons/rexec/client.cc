// SPDX-License-Identifier: GPL-2.0

#include "client.hh"

#include <algorithm>
#include <array>
#include <csignal>
#include <cstdlib>
#include <fcntl.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "proc_path.hh"
#include "unix_socket.hh"

namespace qtfs::rexec {

namespace {

constexpr auto greeting_limit = std::chrono::seconds(60); // it may have much to do
constexpr auto foreground_interval = std::chrono::milliseconds(200);

int exit_status(int status)
{
  return W_EXITCODE(status, 0);
}

// What is done to rexec from outside, and can be caught.
sigset_t signals_to_forward(const Caller &caller)
{
  // The last ones are about rexec itself: its mistakes, its terminal, its limits.
  constexpr std::array own = {SIGKILL, SIGSTOP, SIGCHLD, SIGPIPE, SIGSEGV, SIGBUS,  SIGFPE, SIGILL,
                              SIGSYS,  SIGTRAP, SIGABRT, SIGTTIN, SIGTTOU, SIGXCPU, SIGXFSZ};
  sigset_t set;

  sigemptyset(&set);
  for (int signal = 1; signal < NSIG; signal++)
    if (std::ranges::find(own, signal) == own.end() &&
        !((caller.ignored() | caller.blocked()) >> (signal - 1) & 1))
      sigaddset(&set, signal);
  return set;
}

struct Opened {
  Fd fd;
  Medium medium;
};

// Never makes the caller's own description O_NONBLOCK, which others share; a
// second one of the same pipe or terminal can be.
Opened open_privately(int fd, int access)
{
  struct stat st = {};

  ::fstat(fd, &st);
  if (S_ISSOCK(st.st_mode))
    return {Fd(::fcntl(fd, F_DUPFD_CLOEXEC, 0)), Medium::Socket};
  if (S_ISFIFO(st.st_mode) || ::isatty(fd)) {
    Fd again(::open(ProcPath(fd).c_str(), access | O_NONBLOCK | O_NOCTTY | O_CLOEXEC));
    if (again)
      return {std::move(again), Medium::Own};
    return {Fd(::fcntl(fd, F_DUPFD_CLOEXEC, 0)), Medium::Shared};
  }
  return {Fd(::fcntl(fd, F_DUPFD_CLOEXEC, 0)), Medium::Own};
}

} // namespace

Client::Client(const ClientOptions &options, const Caller &caller, Fd socket)
    : options_(options), caller_(caller),
      link_(loop_, std::move(socket),
            {.frame = [this](Frame &frame) { handle(frame); },
             .drained = [this] { streams_.update(); },
             .closed = [this](const std::string &why) { lost(why); }}),
      streams_(loop_, link_, [this] { loop_.defer([this] { check(); }); }),
      acceptors_(loop_, [this](std::uint16_t object, Fd fd) { connected(object, std::move(fd)); }),
      messages_(::fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, STDERR_FILENO + 1))
{
  timer_ = loop_.after(greeting_limit, [this] { lost("it says nothing"); });
}

void Client::say(const std::string &text) const
{
  const std::string line = "rexec: " + text + "\n";
  [[maybe_unused]] const ssize_t n = ::write(messages_.get(), line.data(), line.size());
}

void Client::fail(int status, const std::string &text)
{
  terminal_.restore();
  say(text);
  end(exit_status(status));
}

void Client::end(int status)
{
  status_ = status;
  link_.close();
  loop_.stop();
}

int Client::run()
{
  loop_.run();
  if (exited_ && !streams_.sinks_ended())
    relay_rest();
  terminal_.restore();
  return status_;
}

// The command has ended, but others have its output, and may write to it yet.
// Another process passes that on, as theirs would stay here.
void Client::relay_rest()
{
  if (::fork() != 0) { // if it fails, that output is lost
    loop_.leave();
    return;
  }
  signals_watch_.reset();
  signals_.reset();
  sigset_t none;
  sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  relaying_ = true;
  loop_.run();
  ::_exit(EXIT_SUCCESS);
}

void Client::handle(Frame &frame)
{
  const auto number = [&] { return parse_number(frame.body).value_or(0); };
  std::string wrong;

  switch (frame.header.type) {
  case Type::Hello:
    if (greeted_) {
      wrong = "it greets twice";
    } else if (Result<Greeting, std::string> greeting = parse_greeting(frame.body); greeting) {
      greeted(greeting->machine);
    } else {
      wrong = greeting.error();
    }
    break;
  case Type::Started:
    started(number());
    break;
  case Type::Failed:
    not_started(parse_failure(frame.body).value_or(Failure{}));
    break;
  case Type::Stopped:
    stopped(static_cast<int>(number()));
    break;
  case Type::Continued:
    break;
  case Type::Free:
    if (const auto found = connections_.find(frame.header.stream); found != connections_.end())
      found->second = true;
    loop_.defer([this] { check(); });
    break;
  case Type::Exited:
    exited_ = true;
    status_ = static_cast<int>(number());
    acceptors_.clear();
    streams_.finish_sources();
    loop_.defer([this] { check(); });
    break;
  case Type::Reset:
    if (is_listener(frame.header.stream)) {
      acceptors_.remove(frame.header.stream);
      break;
    }
    [[fallthrough]];
  default:
    wrong = streams_.handle(frame);
  }
  if (!wrong.empty()) {
    link_.close();
    lost(wrong);
  }
}

void Client::lost(const std::string &why)
{
  if (relaying_ || exited_) {
    streams_.finish_sinks();
    loop_.defer([this] { check(); });
    return;
  }
  if (!started_) {
    fail(status_failed, "the server can't be used: " + why);
    return;
  }
  fail(status_failed, "the server is lost: " + why + "; the command, process " +
                        std::to_string(pid_) + " there, " +
                        (options_.orphan ? "goes on" : "is ended"));
}

void Client::greeted(const std::string &machine)
{
  greeted_ = true;
  machine_ = machine;
  timer_.reset();
  if (!options_.pid_file.empty()) {
    Result<PidFile> file = PidFile::create(options_.pid_file);
    if (!file) {
      fail(status_failed, options_.pid_file + ": " + file.error().message());
      return;
    }
    pid_file_ = std::move(*file);
  }
  watch_signals();
  send_request();
}

void Client::send_request()
{
  Result<Caller::Prepared, std::string> prepared = caller_.prepare(options_, machine_, pass_);
  if (!prepared) {
    fail(status_failed, prepared.error());
    return;
  }
  prepared_ = std::move(*prepared);
  const std::string body = encode(prepared_->request);
  if (body.size() > request_max) {
    fail(status_refused, options_.command.front() + ": " + errno_code(E2BIG).message());
    return;
  }
  link_.send_request(body, prepared_->passed);
}

void Client::not_started(const Failure &failure)
{
  if (started_) {
    lost("it contradicts itself");
    return;
  }
  switch (failure.reason) {
  case Failure::Reason::Descriptors:
    // What can be had as a stream is tried so, once.
    if (pass_) {
      pass_ = false;
      send_request();
      return;
    }
    break;
  case Failure::Reason::NotFound:
    fail(status_not_found, failure.text);
    return;
  case Failure::Reason::Refused:
    fail(status_refused, failure.text);
    return;
  case Failure::Reason::Other:
    break;
  }
  fail(status_failed, failure.text);
}

void Client::started(std::uint32_t pid)
{
  if (started_ || !prepared_) {
    lost("it contradicts itself");
    return;
  }
  started_ = true;
  pid_ = pid;
  if (const std::error_code error = pid_file_.write(pid))
    say(options_.pid_file + ": " + error.message());
  if (options_.detach) {
    const std::string line = std::to_string(pid) + "\n";
    [[maybe_unused]] const ssize_t n = ::write(STDOUT_FILENO, line.data(), line.size());
    end(exit_status(EXIT_SUCCESS));
    return;
  }
  if (Result<PidFile> note = PidFile::create(""); note && !note->write(pid))
    pid_note_ = std::move(*note);
  open_streams();
  caller_.release();
}

bool Client::is_listener(std::uint16_t object) const
{
  return prepared_ && object < prepared_->request.objects.size() &&
         prepared_->request.objects[object].kind == Object::Kind::Listener;
}

void Client::open_streams()
{
  const Request &request = prepared_->request;

  for (std::size_t i = 0; i < request.objects.size(); i++) {
    const auto id = static_cast<std::uint16_t>(i);
    const Object object = request.objects[id];
    const int readable = prepared_->readable[id];
    if (object.kind == Object::Kind::Listener)
      acceptors_.add(id, Fd(::fcntl(readable, F_DUPFD_CLOEXEC, 0)));
    if (!object.is_stream())
      continue;
    if (object.command_reads()) {
      Opened opened = open_privately(readable, O_RDONLY);
      const bool tty = ::isatty(readable);
      if (tty) {
        tty_ = Fd(::fcntl(readable, F_DUPFD_CLOEXEC, 0));
        if (object.kind == Object::Kind::Terminal)
          terminal_ = RawTerminal(Fd(::fcntl(readable, F_DUPFD_CLOEXEC, 0)));
      }
      Source &source = streams_.add_source(id, std::move(opened.fd), opened.medium);
      if (tty)
        tty_input_ = &source;
    }
    if (object.command_writes()) {
      Opened opened = open_privately(prepared_->writable[id], O_WRONLY);
      streams_.add_sink(id, std::move(opened.fd), opened.medium);
    }
  }
  for (const Descriptor &descriptor : request.descriptors)
    if (descriptor.number == STDERR_FILENO && request.objects[descriptor.object].is_stream())
      error_stream_ = static_cast<std::uint16_t>(descriptor.object);
  watch_foreground();
}

// Somebody has connected to a listening socket that the command has, too.
void Client::connected(std::uint16_t object, Fd connection)
{
  const Result<ucred> peer = unix_peer(connection.get());
  Fd again(::fcntl(connection.get(), F_DUPFD_CLOEXEC, 0));
  if (!peer || !again)
    return;

  // Not one that was used just now, so that what is still on its way can't be mistaken.
  do {
    last_connection_++;
    if (last_connection_ == objects_max + connections_max)
      last_connection_ = objects_max;
  } while (connections_.contains(last_connection_));
  connections_[last_connection_] = false;
  acceptors_.hold(connections_.size() == connections_max);
  link_.send(Type::Connection, last_connection_, encode(Connected{object, peer->uid, peer->gid}));
  streams_.add_sink(last_connection_, std::move(again), Medium::Socket);
  streams_.add_source(last_connection_, std::move(connection), Medium::Socket);
}

void Client::forget_connections()
{
  std::erase_if(connections_, [this](const auto &connection) {
    if (!connection.second || !streams_.ended(connection.first))
      return false;
    streams_.remove(connection.first);
    return true;
  });
  acceptors_.hold(connections_.size() == connections_max);
}

// A terminal is read only while it is ours: in the background that would stop
// us, though the command doesn't read at all.  Nobody tells when that changes.
void Client::watch_foreground()
{
  if (!tty_input_ || tty_input_->ended())
    return;
  const bool background = ::tcgetpgrp(tty_.get()) != ::getpgrp();
  tty_input_->hold(background);
  timer_.reset();
  if (background)
    timer_ = loop_.after(foreground_interval, [this] { watch_foreground(); });
}

void Client::check()
{
  forget_connections();
  if (error_stream_ && messages_ && streams_.sink_ended(*error_stream_))
    messages_.reset();
  if (relaying_ ? streams_.sinks_ended() : exited_ && streams_.sinks_flushed())
    loop_.stop();
}

// ---- signals ----

void Client::watch_signals()
{
  const sigset_t set = signals_to_forward(caller_);

  if (signals_)
    return;
  ::sigprocmask(SIG_BLOCK, &set, nullptr);
  signals_ = Fd(::signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK));
  signals_watch_ = loop_.watch(signals_.get(), EPOLLIN, [this](std::uint32_t) {
    signalfd_siginfo info;

    while (::read(signals_.get(), &info, sizeof(info)) == sizeof(info))
      forward(static_cast<int>(info.ssi_signo), info.ssi_code == SI_KERNEL);
  });
}

void Client::forward(int signal, bool from_terminal)
{
  // A terminal signals a whole job, and a job is stopped and continued as a whole.
  const bool group = from_terminal || signal == SIGTSTP || signal == SIGCONT;

  if (signal == SIGCONT) {
    watch_foreground();
    resize();
  }
  if (signal == SIGWINCH && options_.terminal)
    resize();
  else
    link_.send(Type::Signal, 0, encode_signal(signal, group));
}

void Client::resize()
{
  if (const std::optional<WindowSize> size = terminal_.size())
    link_.send(Type::Resize, 0, encode(*size));
}

// The command has stopped, and so do we, for whoever waits for us.
void Client::stopped(int signal)
{
  sigset_t set;
  sigset_t before;

  if (signal != SIGTSTP && signal != SIGTTIN && signal != SIGTTOU)
    signal = SIGSTOP;
  terminal_.restore();
  sigemptyset(&set);
  sigaddset(&set, signal);
  ::sigprocmask(SIG_UNBLOCK, &set, &before);
  ::raise(signal); // comes back upon SIGCONT
  ::sigprocmask(SIG_SETMASK, &before, nullptr);
  terminal_.set();
  // Our process group may be orphaned, where the kernel doesn't stop us: nobody
  // would continue us, or the command.
  if (::sigpending(&set) == 0 && !sigismember(&set, SIGCONT))
    forward(SIGCONT, false);
}

} // namespace qtfs::rexec
