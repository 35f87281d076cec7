// SPDX-License-Identifier: GPL-2.0

#include "patience.hh"

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <fmt/core.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

#include "command.hh"
#include "fd.hh"
#include "read_all.hh"

namespace qtfs::mount {

namespace {

using Clock = std::chrono::steady_clock;

constexpr auto pause_between = std::chrono::seconds(2);
constexpr unsigned most = 86400;

// What a server that isn't up yet, or a network, looks like.
constexpr std::array passing = {ETIMEDOUT, ECONNREFUSED, ECONNRESET, EHOSTUNREACH,
                                EHOSTDOWN, ENETUNREACH,  ENETDOWN,   EADDRNOTAVAIL};

// Runs it, and returns its exit status and what it wrote to its error output.
int run(const std::vector<std::string> &words, std::string &said)
{
  int ends[2];
  int status = 0;

  if (::pipe2(ends, O_CLOEXEC) != 0)
    return failed;
  const Fd from(ends[0]);
  Fd to(ends[1]);
  const pid_t pid = ::fork();
  if (pid == 0) {
    ::dup2(to.get(), STDERR_FILENO);
    ::setenv("LC_ALL", "C", 1); // its words are looked at
    become(words);
    ::_exit(failed);
  }
  to.reset();
  if (Result<std::string> text = read_all(from.get()))
    said = std::move(*text);
  while (pid > 0 && ::waitpid(pid, &status, 0) < 0 && errno == EINTR)
    ;
  return pid > 0 && WIFEXITED(status) ? WEXITSTATUS(status) : failed;
}

} // namespace

Result<unsigned, std::string> take_retry(std::string &options)
{
  constexpr std::string_view key = "retry=";
  std::string others;
  unsigned retry = 0;

  for (std::string_view rest = options; !rest.empty();) {
    const std::size_t end = std::min(rest.find(','), rest.size());
    const std::string_view option = rest.substr(0, end);
    rest.remove_prefix(std::min(end + 1, rest.size()));
    if (!option.starts_with(key)) {
      others.append(others.empty() ? "" : ",").append(option);
      continue;
    }
    const std::string_view text = option.substr(key.size());
    const auto [last, error] = std::from_chars(text.data(), text.data() + text.size(), retry);
    if (error != std::errc() || last != text.data() + text.size() || retry > most)
      return fmt::format("{}: seconds, 0 to {}", option, most);
  }
  options = others;
  return retry;
}

bool may_pass(std::string_view said)
{
  return std::ranges::any_of(
    passing, [&](int error) { return said.find(std::strerror(error)) != std::string_view::npos; });
}

int run_patiently(const std::vector<std::string> &words, std::chrono::seconds limit)
{
  const Clock::time_point end = Clock::now() + limit;

  for (bool told = false;;) {
    std::string said;
    const int status = run(words, said);
    const bool again = status && may_pass(said) && Clock::now() + pause_between < end;
    if (!again || !told)
      fmt::print(stderr, "{}", said);
    if (!again)
      return status;
    if (!told)
      fmt::print(stderr, "mount.qtfs: trying again for {} s\n", limit.count());
    told = true;
    std::this_thread::sleep_for(pause_between);
  }
}

} // namespace qtfs::mount
