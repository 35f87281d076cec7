// SPDX-License-Identifier: GPL-2.0

#include "proxy.hh"

#include <algorithm>
#include <array>
#include <spdlog/spdlog.h>
#include <sys/inotify.h>
#include <systemd/sd-daemon.h>

#include "logging.hh"
#include "release.hh"

namespace qtfs::uds {

namespace {

constexpr std::size_t most_links = 8; // that the peer may have at a time
constexpr auto first_pause = std::chrono::milliseconds(100);
constexpr auto longest_pause = std::chrono::seconds(5);
constexpr auto without_descriptors = std::chrono::seconds(1);
constexpr auto settle = std::chrono::milliseconds(100); // of an edited whitelist

// The service manager has it, too, until it is told otherwise.
void keep_socket(int socket, bool keep)
{
  struct stat st;

  if (::fstat(socket, &st) != 0)
    return;
  const std::string message =
    fmt::format("{}=1\nFDNAME=mirror{}", keep ? "FDSTORE" : "FDSTOREREMOVE", st.st_ino);
  ::sd_pid_notify_with_fds(0, 0, message.c_str(), &socket, keep ? 1 : 0);
}

} // namespace

Proxy::Proxy(Loop &loop, Workers &workers, const Options &options, Root root, const Binder &binder)
    : loop_(loop), workers_(workers), options_(options), root_(std::move(root)),
      mirrors_(loop, root_, binder, {std::chrono::seconds(options.patience)}),
      mounted_(loop, workers, mirrors_, binder, made_, [this] { exports_.look_soon(); }),
      exports_(loop, root_, made_,
               {[this](const Announcement &announcement) {
                  for (const auto &link : accepted_)
                    if (link->up())
                      link->announce(announcement);
                },
                [this](const std::string &path) {
                  for (const auto &link : accepted_)
                    if (link->up())
                      link->withdraw(path);
                },
                [this](const Identity &file) { return mirrors_.owns(file); },
                [this] {
                  mirrors_.reconcile();
                  for (const auto &link : accepted_)
                    if (link->up())
                      link->looked();
                }}),
      connector_(loop, workers, root_, made_, counters_,
                 [this](const Identity &file) { return mirrors_.owns(file); }),
      dial_pause_(first_pause)
{
}

// Streams end before what they are streams of.
Proxy::~Proxy()
{
  link_.reset();
  accepted_.clear();
  ended_.clear();
}

std::string Proxy::start(std::vector<Fd> left_by_predecessor, Fd listener)
{
  std::string wrong = reload();
  if (!wrong.empty())
    return wrong;
  if (!options_.key.empty()) {
    Result<Key, std::string> key = Key::load(options_.key);
    if (!key)
      return key.error();
    key_ = std::move(*key);
  }
  watch_whitelist();

  if (listener) {
    listener_ = std::move(listener);
  } else {
    Result<Fd> socket = listen_at(options_.local);
    if (!socket)
      return options_.local.text() + ": " + socket.error().message();
    listener_ = std::move(*socket);
  }
  listening_ = loop_.watch(listener_.get(), EPOLLIN, [this](std::uint32_t) { accept(); });

  if (options_.keep_sockets)
    mirrors_.keep(keep_socket);
  mirrors_.adopt(std::move(left_by_predecessor));
  dial();
  return {};
}

// ---- the whitelist ----

std::string Proxy::reload()
{
  Result<Whitelist, Whitelist::Error> whitelist = Whitelist::load(options_.whitelist);

  if (!whitelist)
    return whitelist.error().text();
  put_in_force(std::move(*whitelist));
  spdlog::info("{} loaded", options_.whitelist);
  return {};
}

void Proxy::put_in_force(Whitelist whitelist)
{
  whitelist_ = std::move(whitelist);
  if (whitelist_.items(Section::Udsconnect).empty())
    spdlog::warn("{}: nothing in [Udsconnect], so no socket of this machine can be reached",
                 options_.whitelist);
  warn_about_links();
  made_.set_whitelist(&whitelist_);
  connector_.set_whitelist(&whitelist_);
  mirrors_.set_whitelist(&whitelist_);
  exports_.set_paths(whitelist_.items(Section::Udsconnect));
}

// They aren't followed.
void Proxy::warn_about_links() const
{
  for (const std::string &path : whitelist_.items(Section::Udsconnect)) {
    const Result<Fd> fd = root_.look_up(path);
    if (!fd && fd.error().value() == ELOOP)
      spdlog::warn("{}: {} is, or goes through, a symbolic link: list where that leads in "
                   "[Udsconnect]",
                   options_.whitelist, path);
  }
}

void Proxy::watch_whitelist()
{
  const std::string directory = options_.whitelist.find('/') == std::string::npos
                                  ? "."
                                  : std::string(directory_of(options_.whitelist));

  whitelist_events_.reset(::inotify_init1(IN_CLOEXEC | IN_NONBLOCK));
  if (!whitelist_events_ || ::inotify_add_watch(whitelist_events_.get(), directory.c_str(),
                                                IN_CLOSE_WRITE | IN_MOVED_TO) < 0)
    return;
  whitelist_watch_ = loop_.watch(whitelist_events_.get(), EPOLLIN, [this](std::uint32_t) {
    alignas(inotify_event) std::array<char, 4096> events;
    bool ours = false;
    for (ssize_t n; (n = ::read(whitelist_events_.get(), events.data(), events.size())) > 0;)
      for (ssize_t at = 0; at < n;) {
        const auto *event = reinterpret_cast<const inotify_event *>(events.data() + at);
        ours = ours || (event->len && name_in(options_.whitelist) == event->name);
        at += static_cast<ssize_t>(sizeof(*event) + event->len);
      }
    if (ours)
      whitelist_timer_ = loop_.after(settle, [this] {
        const std::string wrong = reload();
        if (!wrong.empty())
          spdlog::error("{}; the whitelist stays as it was", wrong);
      });
  });
}

// ---- links ----

void Proxy::accept()
{
  sockaddr_storage from = {};
  socklen_t size = sizeof(from);
  Fd socket(::accept4(listener_.get(), reinterpret_cast<sockaddr *>(&from), &size,
                      SOCK_CLOEXEC | SOCK_NONBLOCK));

  if (!socket) {
    if (errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == ENOBUFS) {
      spdlog::warn("the peer has to wait: {}", last_error().message());
      listening_.want(0);
      listening_pause_ = loop_.after(without_descriptors, [this] { listening_.want(EPOLLIN); });
    }
    return;
  }
  if (!options_.peer.same_host(from)) {
    static RateLimit limit;
    unsigned suppressed = 0;
    if (limit.pass(suppressed))
      spdlog::warn("somebody else than {} connected, and was turned away", options_.peer.text());
    return;
  }
  tune(socket.get());
  // The peer has lost the oldest one, if it needs so many; but who is only at the door goes
  // before who has shown his key.
  if (accepted_.size() >= most_links) {
    const auto waiting =
      std::ranges::find_if(accepted_, [](const auto &link) { return !link->up(); });
    const auto &victim = waiting == accepted_.end() ? accepted_.front() : *waiting;
    victim->end("the peer has made another one");
  }
  accepted_.push_back(std::make_unique<Link>(loop_, workers_, *this, counters_, std::move(socket),
                                             Role::Acceptor, options_.peer.text()));
}

void Proxy::dial()
{
  Result<Fd> socket = begin_connect(options_.local, options_.peer);
  if (!socket) {
    dial_later(socket.error().message());
    return;
  }
  dialling_ = std::move(*socket);
  dialling_watch_ = loop_.watch(dialling_.get(), EPOLLOUT, [this](std::uint32_t) { dialled(); });
  dial_timer_ = loop_.after(longest_pause, [this] { dial_later("no answer"); });
}

void Proxy::dialled()
{
  const int error = connect_error(dialling_.get());

  if (error) {
    dial_later(errno_code(error).message());
    return;
  }
  dial_timer_.reset();
  dialling_watch_.reset();
  tune(dialling_.get());
  link_ = std::make_unique<Link>(loop_, workers_, *this, counters_, std::move(dialling_),
                                 Role::Initiator, options_.peer.text());
}

// Each time later, and not at the same time as others.
void Proxy::dial_later(const std::string &why)
{
  dialling_watch_.reset();
  dialling_.reset();
  if (dial_error_ != why)
    spdlog::warn("{} can't be reached: {}; trying on", options_.peer.text(), why);
  dial_error_ = why;

  const auto most = std::chrono::duration_cast<std::chrono::microseconds>(dial_pause_).count();
  std::uniform_int_distribution<std::int64_t> jitter(most / 2, most);
  dial_timer_ = loop_.after(std::chrono::microseconds(jitter(random_)), [this] { dial(); });
  dial_pause_ = std::min<Clock::duration>(2 * dial_pause_, longest_pause);
}

void Proxy::link_up(Link &link)
{
  counters_.links++;
  if (link.role() == Role::Initiator) {
    spdlog::info("connected to {}", link.peer());
    dial_pause_ = first_pause;
    dial_error_.clear();
    mirrors_.link_up(link);
    mounted_.link_up();
    return;
  }
  spdlog::info("{} has connected", link.peer());
  for (const auto &[path, announcement] : exports_.list())
    link.announce(announcement);
  link.end_of_list();
}

void Proxy::link_down(Link &link, const std::string &why)
{
  if (&link == link_.get()) {
    spdlog::warn("the connection to {} has ended: {}", link.peer(), why);
    mirrors_.link_down(link);
    mounted_.link_down();
    ended_.push_back(std::move(link_));
    dial_later(why);
  } else {
    spdlog::warn("the connection from {} has ended: {}", link.peer(), why);
    connector_.link_down(link);
    const auto found =
      std::ranges::find_if(accepted_, [&](const auto &one) { return one.get() == &link; });
    if (found == accepted_.end())
      return;
    ended_.push_back(std::move(*found));
    accepted_.erase(found);
  }
  loop_.defer([this] { ended_.clear(); });
}

void Proxy::announced(Link &, Announcement announcement)
{
  mirrors_.announced(std::move(announcement));
  mounted_.reconcile();
}

void Proxy::withdrawn(Link &, const std::string &path)
{
  mirrors_.withdrawn(path);
  mounted_.reconcile();
}

void Proxy::synced(Link &)
{
  mirrors_.synced();
  mounted_.reconcile();
}

void Proxy::look(Link &)
{
  exports_.look_soon();
}

void Proxy::looked(Link &, std::uint32_t number)
{
  mounted_.looked(number);
}

void Proxy::opened(Link &link, Stream &stream, Opening opening)
{
  connector_.open(link, stream, std::move(opening));
  if (stream.finished()) // it may be that nobody listens any more
    exports_.look_soon();
}

// ---- the control socket ----

Json Proxy::status() const
{
  Json answer = Json::object();
  std::size_t open = link_ ? link_->streams() : 0;

  for (const auto &link : accepted_)
    open += link->streams();
  answer.set("ok", true).set("version", QTFS_RELEASE).set("pid", ::getpid());
  answer.set("address", options_.local.text()).set("peer", options_.peer.text());
  answer.set("connected", link_ && link_->up()).set("links_to_peer", link_ ? 1U : 0U);
  answer.set("links_from_peer", accepted_.size()).set("exported", exports_.list().size());
  answer.set("open", open);
  answer.set("shown", mirrors_.count() + mounted_.count()).set("waiting", mirrors_.waiting());
  answer.set("connections", counters_.opened).set("refused", counters_.refused);
  answer.set("descriptors", counters_.passed).set("not_passed", counters_.not_passed);
  answer.set("bytes_sent", counters_.bytes_out).set("bytes_received", counters_.bytes_in);
  answer.set("key", key_.has_value()).set("unproved", counters_.unproved);
  answer.set("violations", counters_.violations).set("links_made", counters_.links);
  const spdlog::string_view_t level = spdlog::level::to_string_view(spdlog::get_level());
  answer.set("log_level", std::string_view(level.data(), level.size()));
  return answer;
}

// One more each time, from the most to the least.
Json Proxy::step_log_level() const
{
  const auto next = (static_cast<int>(spdlog::get_level()) + 1) % (spdlog::level::off + 1);

  spdlog::set_level(static_cast<spdlog::level::level_enum>(next));
  return status();
}

std::string Proxy::answer(std::string_view request)
{
  const std::optional<Json> parsed = Json::parse(request);
  const std::string op = parsed ? parsed->string("op").value_or("") : "";
  Json failed = Json::object();

  failed.set("ok", false);
  if (op == "status")
    return status().line();
  if (op == "log")
    return step_log_level().line();
  if (op == "reload") {
    const std::string wrong = reload();
    if (wrong.empty())
      return status().line();
    failed.set("error", wrong);
  } else {
    failed.set("error", parsed ? "unknown request \"" + op + "\"" : "that isn't JSON");
  }
  return failed.line();
}

} // namespace qtfs::uds
