// SPDX-License-Identifier: GPL-2.0

#include "session.hh"

#include <algorithm>
#include <array>
#include <csignal>
#include <cstdlib>
#include <fcntl.h>
#include <spdlog/spdlog.h>
#include <sys/ioctl.h>
#include <sys/wait.h>

#include "logging.hh"
#include "proc_path.hh"
#include "server.hh"
#include "unix_socket.hh"

namespace qtfs::rexec {

namespace {

constexpr auto request_limit = std::chrono::seconds(60);
constexpr std::size_t most_logged = 256; // of a text of the caller's
constexpr std::uint32_t nobody = 65534;

using Reason = Failure::Reason;

void set_nonblocking(int fd)
{
  ::fcntl(fd, F_SETFL, ::fcntl(fd, F_GETFL) | O_NONBLOCK);
}

Fd duplicate(const Fd &fd)
{
  return Fd(::fcntl(fd.get(), F_DUPFD_CLOEXEC, 0));
}

// What udsproxyd hands on for what it can't pass: a memory file that can't even be read.
bool is_placeholder(const Fd &fd)
{
  return (::fcntl(fd.get(), F_GETFL) & O_PATH) && name_of_fd(fd.get()).starts_with("/memfd:");
}

void set_modes(int terminal, const TerminalModes &wanted)
{
  termios modes = {};

  if (::tcgetattr(terminal, &modes) != 0)
    return;
  modes.c_iflag = wanted.iflag;
  modes.c_oflag = wanted.oflag;
  modes.c_cflag = (wanted.cflag & ~tcflag_t{CSIZE | PARENB}) | CS8;
  modes.c_lflag = wanted.lflag;
  std::ranges::copy(wanted.cc, modes.c_cc);
  ::tcsetattr(terminal, TCSANOW, &modes);
}

} // namespace

Session::Session(Server &server, std::uint64_t id, Fd socket)
    : server_(server), id_(id), link_(server.loop(), std::move(socket),
                                      {.frame = [this](Frame &frame) { handle(frame); },
                                       .drained = [this] { streams_.update(); },
                                       .closed = [this](const std::string &why) { lost(why); }}),
      streams_(server.loop(), link_, [this] { server_.check_later(id_); })
{
  if (const Result<ucred> peer = unix_peer(link_.fd()))
    peer_uid_ = peer->uid;
  timer_ = server_.loop().after(request_limit, [this] { remove(); });
  link_.send(Type::Hello, 0, encode(Greeting{protocol_version, server_.machine()}));
}

void Session::remove()
{
  timer_.reset();
  link_.close();
  server_.remove_later(id_);
}

void Session::refuse(const std::string &why)
{
  spdlog::warn("refused user {}: {}", peer_uid_, why);
  fail({Reason::Refused, why});
}

// Nothing runs, and nothing will.  The caller closes the connection when it has read this.
void Session::fail(const Failure &failure)
{
  failed_ = true;
  timer_.reset();
  timer_ = server_.loop().after(request_limit, [this] { remove(); });
  link_.send(Type::Failed, 0, encode(failure));
}

void Session::handle(Frame &frame)
{
  std::string wrong;

  if (failed_)
    return; // it will understand soon
  if (frame.header.type == Type::Exec && !request_) {
    start(frame);
    return;
  }
  if (!request_ && frame.header.type == Type::Signal)
    return; // between two tries
  if (!request_)
    wrong = "it sent a message before its request";
  else if (frame.header.type == Type::Signal) {
    const std::optional<SignalMessage> message = parse_signal(frame.body);
    if (message)
      send_signal(message->signal, message->group);
    else
      wrong = "it sent no signal";
  } else if (frame.header.type == Type::Resize) {
    resize(*parse_size(frame.body));
  } else if (frame.header.type == Type::Connection) {
    wrong = connect(frame);
  } else if (is_connection(frame.header.stream) && !connections_.contains(frame.header.stream)) {
    return; // sent before it was told that it has ended
  } else {
    wrong = streams_.handle(frame);
  }
  if (!wrong.empty()) {
    spdlog::warn("user {}: {}, disconnected", peer_uid_, wrong);
    link_.close();
    lost(wrong);
  }
}

void Session::start(Frame &frame)
{
  timer_.reset();
  Result<Request, std::string> request = parse_request(frame.body);
  if (!request) {
    refuse("the server can't use the request: " + request.error());
    return;
  }
  if (request->passed() != frame.header.descriptors) {
    refuse("the server can't use the request: it passes other descriptors than it names");
    return;
  }
  if (frame.descriptors.size() != frame.header.descriptors ||
      std::ranges::any_of(frame.descriptors, is_placeholder)) {
    // It may try again without them.
    const Failure failure = {Reason::Descriptors, "open files don't get through this connection"};
    link_.send(Type::Failed, 0, encode(failure));
    timer_ = server_.loop().after(request_limit, [this] { remove(); });
    return;
  }
  if (!link_.sender()) {
    refuse("the kernel doesn't say who has sent the request");
    return;
  }
  Result<Identity, std::string> identity = identify(*request, *link_.sender(), link_.fd());
  if (!identity) {
    refuse(identity.error());
    return;
  }
  request_ = std::move(*request);
  identity_ = std::move(*identity);

  Ends ends;
  const std::string wrong = make_objects(frame, ends);
  if (!wrong.empty()) {
    fail({Reason::Other, wrong});
    return;
  }
  run(ends);
}

std::string Session::make_objects(Frame &frame, Ends &ends)
{
  auto passed = frame.descriptors.begin();

  for (std::size_t i = 0; i < request_->objects.size(); i++) {
    const auto id = static_cast<std::uint16_t>(i);
    const Object::Kind kind = request_->objects[i].kind;

    if (kind == Object::Kind::Passed) {
      ends.command.push_back(std::move(*passed++));
      continue;
    }
    std::string wrong = make_object(id, kind, ends);
    if (!wrong.empty())
      return wrong;
  }
  return {};
}

std::string Session::make_object(std::uint16_t id, Object::Kind kind, Ends &ends)
{
  const auto failed = [](const char *what) {
    return std::string(what) + " on the server: " + last_error().message();
  };
  std::array<int, 2> pair = {-1, -1};

  switch (kind) {
  case Object::Kind::Null:
    ends.command.emplace_back(::open("/dev/null", O_RDWR | O_CLOEXEC));
    return ends.command.back() ? "" : failed("/dev/null");
  case Object::Kind::Terminal:
    return make_terminal(id, ends);
  case Object::Kind::Listener:
    return make_listener(id, ends);
  case Object::Kind::Duplex:
    if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair.data()) != 0)
      return failed("no more sockets");
    break;
  default:
    if (::pipe2(pair.data(), O_CLOEXEC) != 0)
      return failed("no more pipes");
  }

  const bool reads = kind == Object::Kind::Input;
  Fd command(pair[reads ? 0 : 1]);
  Fd own(pair[reads ? 1 : 0]);
  // So that it can open /dev/stdin and the like.
  [[maybe_unused]] const int ignored = ::fchown(command.get(), identity_.uid, identity_.gid);
  set_nonblocking(own.get());
  ends.command.push_back(std::move(command));
  return keep_end(id, std::move(own));
}

std::string Session::make_terminal(std::uint16_t id, Ends &ends)
{
  master_ = Fd(::posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK));
  std::array<char, 64> name = {};

  if (!master_ || ::grantpt(master_.get()) != 0 || ::unlockpt(master_.get()) != 0 ||
      ::ptsname_r(master_.get(), name.data(), name.size()) != 0)
    return "no terminal on the server: " + last_error().message();
  ends.terminal = Fd(::open(name.data(), O_RDWR | O_NOCTTY | O_CLOEXEC));
  Fd command = duplicate(ends.terminal);
  if (!command)
    return "no terminal on the server: " + last_error().message();
  [[maybe_unused]] const int ignored =
    ::fchown(command.get(), identity_.uid, static_cast<gid_t>(-1));
  if (request_->flags & Request::has_modes)
    set_modes(command.get(), request_->modes);
  resize(request_->size);
  ends.command.push_back(std::move(command));
  Fd master = duplicate(master_);
  return master ? keep_end(id, std::move(master))
                : "no more descriptors on the server: " + last_error().message();
}

std::string Session::make_listener(std::uint16_t id, Ends &ends)
{
  Result<Listener> listener = Listener::make();

  if (!listener)
    return "no listening socket on the server: " + listener.error().message();
  ends.command.push_back(listener->take());
  listeners_.emplace(id, std::move(*listener));
  return {};
}

// Of the server's side.  Whatever can fail is done before the command is started.
std::string Session::keep_end(std::uint16_t id, Fd fd)
{
  const Object object = request_->objects[id];
  OwnEnd end = {id, {}, {}};

  if (object.command_reads() && object.command_writes()) {
    end.source = duplicate(fd);
    if (!end.source)
      return "no more descriptors on the server: " + last_error().message();
  }
  (object.command_reads() ? end.sink : end.source) = std::move(fd);
  own_ends_.push_back(std::move(end));
  return {};
}

// Not before the caller has been told that the command runs.
void Session::open_streams()
{
  for (OwnEnd &end : own_ends_) {
    const Object::Kind kind = request_->objects[end.id].kind;
    const Medium medium = kind == Object::Kind::Duplex     ? Medium::Socket
                          : kind == Object::Kind::Terminal ? Medium::Master
                                                           : Medium::Own;

    if (end.sink)
      streams_.add_sink(end.id, std::move(end.sink), medium);
    if (end.source)
      streams_.add_source(end.id, std::move(end.source), medium);
  }
  own_ends_.clear();
}

// ---- connections to listening sockets of the command's ----

// Somebody has connected to the caller's socket.  What is wrong with that, or nothing.
std::string Session::connect(const Frame &frame)
{
  const std::uint16_t stream = frame.header.stream;
  Connected who = *parse_connected(frame.body);
  const auto listener = listeners_.find(who.object);

  if (!started_sent_ || listener == listeners_.end() || connections_.contains(stream))
    return "it sent a connection out of place";
  // Who isn't root can't speak for others, not even to his own command: it may be more than he.
  if (!identity_.by_root && who.uid != identity_.uid)
    who.uid = who.gid = nobody;
  else if (!identity_.by_root)
    who.gid = identity_.gid;
  connections_.insert(stream);
  connect_to(listener->second, stream, who);
  return {};
}

void Session::connect_to(const Listener &listener, std::uint16_t stream, const Connected &who)
{
  Result<Fd> connection = listener.connect(who.uid, who.gid);

  if (connection) {
    if (Fd again = duplicate(*connection)) {
      streams_.add_sink(stream, std::move(again), Medium::Socket);
      streams_.add_source(stream, std::move(*connection), Medium::Socket);
      return;
    }
    connection = last_error();
  }
  spdlog::debug("user {}: process {}: a connection isn't taken: {}", identity_.uid, number_,
                connection.error().message());
  if (connection.error().value() == ECONNREFUSED) {
    link_.send(Type::Reset, static_cast<std::uint16_t>(who.object));
    listeners_.erase(who.object);
  }
  link_.send(Type::Reset, stream);
  link_.send(Type::Eof, stream);
  server_.check_later(id_);
}

void Session::free_connections()
{
  std::erase_if(connections_, [this](std::uint16_t stream) {
    if (!streams_.ended(stream))
      return false;
    streams_.remove(stream);
    link_.send(Type::Free, stream);
    return true;
  });
}

void Session::run(const Ends &ends)
{
  const std::vector<std::string> environment =
    make_environment(*request_, identity_, server_.commands());
  Launch plan = {*request_, identity_, server_.commands(), environment, {}, ends.terminal.get()};
  for (const Descriptor &descriptor : request_->descriptors)
    plan.placements.push_back(
      {static_cast<int>(descriptor.number), ends.command[descriptor.object].get()});

  Result<Launched> launched = launch(plan);
  if (!launched) {
    fail({Reason::Other, "no process on the server: " + launched.error().message()});
    return;
  }
  child_ = launched->pid;
  server_.note_process(child_, id_);
  report_ = std::move(launched->report);
  set_nonblocking(report_.get());
  report_watch_ =
    server_.loop().watch(report_.get(), EPOLLIN, [this](std::uint32_t) { read_report(); });
  if (launched->keeper) {
    keeper_ = std::move(launched->keeper);
    keeper_watch_ =
      server_.loop().watch(keeper_.get(), EPOLLIN, [this](std::uint32_t) { read_keeper(); });
  } else {
    command_ = number_ = child_;
  }
}

// Its end says that the command runs, or has never done.
void Session::read_report()
{
  std::array<char, 8192> chunk;

  for (;;) {
    const ssize_t n = ::read(report_.get(), chunk.data(), chunk.size());
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
      return;
    if (n <= 0)
      break;
    report_text_.append(chunk.data(), static_cast<std::size_t>(n));
  }
  report_watch_.reset();
  report_.reset();

  if (report_text_.empty()) {
    executed_ = true;
    server_.check_later(id_);
    return;
  }
  const Failure failure = parse_failure(report_text_).value_or(Failure{Reason::Other, "unknown"});
  spdlog::info("user {}: not executed: {}", identity_.uid, printable(failure.text, most_logged));
  keeper_watch_.reset();
  keeper_.reset();
  fail(failure);
}

void Session::read_keeper()
{
  KeeperNote note;

  while (::recv(keeper_.get(), &note, sizeof(note), MSG_DONTWAIT) == sizeof(note)) {
    if (note.what == KeeperNote::What::Pid) {
      command_ = number_ = note.value;
      if (lost_)
        end_command();
      server_.check_later(id_);
    } else {
      command_changed(note.value);
    }
    if (!keeper_)
      return;
  }
}

void Session::child_changed(int status)
{
  const bool ended = !WIFSTOPPED(status) && !WIFCONTINUED(status);

  if (ended) {
    child_ = -1;
    if (report_) // its end has come with the child's
      read_report();
  }
  if (failed_)
    return;
  if (!keeper_) {
    if (!status_)
      command_changed(status);
  } else if (ended) {
    // The keeper doesn't end by itself.
    read_keeper();
    if (!status_)
      command_changed(SIGKILL);
  }
}

void Session::command_changed(int status)
{
  if (WIFSTOPPED(status)) {
    link_.send(Type::Stopped, 0, encode_number(static_cast<std::uint32_t>(WSTOPSIG(status))));
    return;
  }
  if (WIFCONTINUED(status)) {
    link_.send(Type::Continued);
    return;
  }
  if (report_ && keeper_)
    read_report();
  if (failed_)
    return;
  status_ = status;
  if (!keeper_)
    command_ = -1; // it may be another process from now on
  spdlog::debug("user {}: process ended, status {:#x}", identity_.uid, status);
  server_.check_later(id_);
}

void Session::check()
{
  if (failed_)
    return;
  if (executed_ && !started_sent_ && number_ > 0) {
    started_sent_ = true;
    spdlog::info("user {}: process {}: {}", identity_.uid, number_,
                 printable(request_->argv.front(), most_logged));
    link_.send(Type::Started, 0, encode_number(static_cast<std::uint32_t>(number_)));
    if (!lost_)
      open_streams();
  }
  free_connections();
  if (!status_)
    return;
  if (lost_) {
    remove();
    return;
  }
  if (!started_sent_ || exited_sent_)
    return;
  streams_.settle();
  if (streams_.sources_settled()) {
    exited_sent_ = true;
    if (keeper_) {
      // The terminal ends with the command.
      streams_.finish_sources();
      command_ = -1;
      keeper_watch_.reset();
      keeper_.reset();
    }
    link_.send(Type::Exited, 0, encode_number(static_cast<std::uint32_t>(*status_)));
  }
}

void Session::send_signal(int signal, bool group) const
{
  if (command_ > 0)
    ::kill(group ? -command_ : command_, signal);
}

void Session::resize(const WindowSize &size) const
{
  const winsize wanted = {size.rows, size.columns, size.xpixel, size.ypixel};

  if (master_)
    ::ioctl(master_.get(), TIOCSWINSZ, &wanted);
}

void Session::leave()
{
  link_.close();
  lost("the server ends");
  if (request_ && (request_->flags & (Request::orphan | Request::detach)))
    remove();
}

void Session::lost(const std::string &why)
{
  if (lost_)
    return;
  lost_ = true;
  spdlog::debug("user {}: process {}: the connection ends: {}", identity_.uid, number_, why);
  if (!request_ || failed_ || status_) {
    remove();
    return;
  }
  if (request_->flags & Request::detach)
    return;

  const bool orphan = request_->flags & Request::orphan;
  spdlog::info("user {}: process {}: the caller is lost ({}), {}", identity_.uid, number_, why,
               orphan ? "it goes on" : "it is ended");
  streams_.clear();
  own_ends_.clear();
  connections_.clear();
  listeners_.clear();
  master_.reset();
  end_command();
}

void Session::end_command()
{
  if (command_ < 0 || (request_->flags & (Request::orphan | Request::detach)))
    return;
  send_signal(SIGTERM, true);
  send_signal(SIGCONT, true);
  timer_ = server_.loop().after(std::chrono::milliseconds(request_->grace_ms),
                                [this] { send_signal(SIGKILL, true); });
}

} // namespace qtfs::rexec
