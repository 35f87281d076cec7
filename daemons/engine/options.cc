// SPDX-License-Identifier: GPL-2.0

#include "options.hh"

#include <algorithm>
#include <arpa/inet.h>
#include <charconv>
#include <thread>

#include "cli.hh"
#include "release.hh"

namespace qtfs::engine {

namespace {

constexpr unsigned max_threads = 256; // slots of the channel, QTFSD_CSLOTS_MAX
constexpr unsigned most_by_default = 128;
std::optional<unsigned> number(const std::string &text)
{
  unsigned value = 0;
  const char *end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value);

  if (error != std::errc() || stop != end)
    return std::nullopt;
  return value;
}

bool is_cid(const std::string &address)
{
  return number(address).has_value();
}

bool is_ip(const std::string &address)
{
  in6_addr any;

  return ::inet_pton(AF_INET, address.c_str(), &any) == 1 ||
         ::inet_pton(AF_INET6, address.c_str(), &any) == 1;
}

// These return what is wrong, or nothing.

std::string check_count(const char *what, const std::string &text)
{
  const std::optional<unsigned> value = number(text);

  if (!value || *value < 1 || *value > max_threads)
    return std::string(what) + ": \"" + text + "\" isn't a number from 1 to " +
           std::to_string(max_threads);
  return {};
}

std::string check_address(const char *what, const std::string &address, const std::string &port)
{
  if (!is_cid(address) && !is_ip(address))
    return std::string(what) + ": \"" + address + "\" is neither an IP address nor a vsock cid";

  const std::optional<unsigned> value = number(port);
  if (!value || *value < 1 || (*value > 65535 && !is_cid(address)))
    return std::string(what) + ": \"" + port + "\" isn't a port";
  return {};
}

std::string check_positional(const std::vector<std::string> &args)
{
  std::string wrong = check_count("THREADS", args[0]);

  if (wrong.empty())
    wrong = check_count("UDS_THREADS", args[1]);
  if (wrong.empty())
    wrong = check_address("SERVER_ADDR UDS_PORT", args[2], args[3]);
  if (wrong.empty())
    wrong = check_address("CLIENT_ADDR UDS_PORT", args[4], args[5]);
  if (wrong.empty() && is_cid(args[2]) != is_cid(args[4]))
    wrong = "SERVER_ADDR and CLIENT_ADDR must both be IP addresses or both vsock cids";
  return wrong;
}

} // namespace

Result<Options, int> parse_options(int argc, const char *const *argv)
{
  Options options;
  options.threads = std::clamp(std::thread::hardware_concurrency() * 2, 4U, most_by_default);

  CLI::App app("Decides and carries out what clients of qtfs ask of this machine.", "qtfs-engine");
  CLI::Option *threads = app.add_option("--threads", options.threads, "Requests served at a time")
                           ->check(CLI::Range(1u, max_threads))
                           ->type_name("N")
                           ->capture_default_str();
  app.add_option("--whitelist", options.whitelist, "What clients may do")
    ->type_name("FILE")
    ->capture_default_str();
  app.add_option("--log-level", options.log_level, "Least level that is logged")
    ->check(CLI::IsMember({"trace", "debug", "info", "warn", "error", "off"}))
    ->type_name("LEVEL")
    ->capture_default_str();
  app.add_option("--audit", options.audit, "Log of operations that change something, appended to")
    ->type_name("FILE");
  app.add_option("--control", options.control, "Socket for qtcfg and qtinfo, \"\" for none")
    ->type_name("SOCKET")
    ->capture_default_str();
  app.set_version_flag("--version", "qtfs-engine " QTFS_RELEASE);

  std::vector<std::string> positional;
  app
    .add_option("positional", positional,
                "THREADS UDS_THREADS SERVER_ADDR UDS_PORT CLIENT_ADDR UDS_PORT: "
                "starts udsproxyd as well")
    ->expected(6)
    ->type_name("...")
    ->excludes(threads);

  if (const std::optional<int> status = parse_command_line(app, argc, argv))
    return *status;

  if (!positional.empty()) {
    const std::string wrong = check_positional(positional);

    if (!wrong.empty())
      return complain(app, wrong);
    options.threads = *number(positional[0]);
    options.udsproxyd.emplace(positional.begin() + 1, positional.end());
  }
  return options;
}

} // namespace qtfs::engine
