// SPDX-License-Identifier: GPL-2.0

#include "server.hh"

#include <algorithm>
#include <spdlog/spdlog.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "socket.hh"
#include "unix_socket.hh"

namespace qtfs::rexec {

namespace {

constexpr std::size_t most_failed = 256; // sessions of a user, until he has read why

} // namespace

Server::Server(Loop &loop, Config config, CommandList commands, std::string machine)
    : loop_(loop), config_(std::move(config)), commands_(std::move(commands)),
      machine_(std::move(machine))
{
}

Server::~Server()
{
  if (listener_)
    ::unlink(config_.socket.c_str());
}

std::string Server::listen()
{
  Result<Fd, std::string> listener = listen_at(config_.socket, config_.mode);

  if (!listener)
    return listener.error();
  listener_ = std::move(*listener);
  watch_ = loop_.watch(listener_.get(), EPOLLIN, [this](std::uint32_t) { accept(); });
  return {};
}

// Of sessions, @uid's if given.
std::size_t Server::count(bool failed, std::optional<uid_t> uid) const
{
  return static_cast<std::size_t>(std::ranges::count_if(sessions_, [&](const auto &pair) {
    const Session &session = *pair.second;
    return session.failed() == failed && (!uid || session.peer_uid() == *uid);
  }));
}

// No user may keep the others out, and least of all root.
std::size_t Server::share(uid_t uid) const
{
  return uid == 0 ? config_.max_commands : std::max(config_.max_commands / 4, 1U);
}

// Why user @uid can't have a command; nothing if he can.
std::string Server::refusal(uid_t uid) const
{
  const std::size_t all = count(false);
  const std::size_t of_user = count(false, uid);

  if (all >= config_.max_commands)
    return "the server has " + std::to_string(all) + " commands already (--max-commands)";
  if (of_user >= share(uid))
    return "the user has " + std::to_string(of_user) + " commands already";
  return {};
}

void Server::accept()
{
  Fd socket(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
  if (!socket) {
    if (errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == ENOBUFS) {
      spdlog::error("a caller has to wait: {}", last_error().message());
      watch_.want(0);
      pause_ = loop_.after(std::chrono::seconds(1), [this] { watch_.want(EPOLLIN); });
    }
    return;
  }

  const Result<ucred> peer = unix_peer(socket.get());
  if (!peer)
    return;
  const std::string refused = refusal(peer->uid);
  // Who doesn't read why has to be content with the end.
  if (!refused.empty() && count(true, peer->uid) >= most_failed)
    return;
  const std::uint64_t id = ++last_;
  Session &session = *(sessions_[id] = std::make_unique<Session>(*this, id, std::move(socket)));
  if (!refused.empty())
    session.refuse(refused);
}

void Server::check_later(std::uint64_t session)
{
  loop_.defer([this, session] {
    if (const auto found = sessions_.find(session); found != sessions_.end())
      found->second->check();
  });
}

void Server::remove_later(std::uint64_t session)
{
  loop_.defer([this, session] {
    sessions_.erase(session);
    if (stopping_ && sessions_.empty())
      loop_.stop();
  });
}

void Server::reap()
{
  int status = 0;

  for (pid_t pid; (pid = ::waitpid(-1, &status, WNOHANG | WUNTRACED | WCONTINUED)) > 0;) {
    const auto process = processes_.find(pid);
    if (process == processes_.end())
      continue;
    const auto session = sessions_.find(process->second);
    if (!WIFSTOPPED(status) && !WIFCONTINUED(status))
      processes_.erase(process);
    if (session != sessions_.end())
      session->second->child_changed(status);
  }
}

void Server::stop()
{
  stopping_ = true;
  watch_.reset();
  for (const auto &[id, session] : sessions_)
    session->leave();
  loop_.defer([this] {
    if (sessions_.empty())
      loop_.stop();
  });
}

} // namespace qtfs::rexec
