// SPDX-License-Identifier: GPL-2.0

#include "options.hh"

#include "cli.hh"
#include "release.hh"

namespace qtfs::uds {

Result<Options, int> parse_options(int argc, const char *const *argv)
{
  std::string address, port, peer_address, peer_port;
  unsigned threads = 1;
  Options options;

  CLI::App app("Makes unix sockets of this machine reachable from another one, and the other's "
               "from here.",
               "udsproxyd");
  CLI::Option *own =
    app.add_option("--address", address, "This machine: an IP address or vsock cid")
      ->type_name("ADDRESS");
  app.add_option("--port", port, "Where the other proxy connects to")
    ->type_name("PORT")
    ->needs(own);
  app.add_option("--peer-address", peer_address, "The other machine, which alone may connect")
    ->type_name("ADDRESS");
  app.add_option("--peer-port", peer_port, "Where its proxy listens")->type_name("PORT");
  app.add_option("--threads", threads, "Has no effect: one thread serves all connections")
    ->type_name("N");
  app
    .add_option("--whitelist", options.whitelist,
                "Its section [Udsconnect] names the sockets and directories")
    ->type_name("FILE")
    ->capture_default_str();
  app
    .add_option("--key", options.key,
                "A key that the other proxy must have, too: 16 to 4096 bytes, the same on both "
                "machines")
    ->type_name("FILE");
  app.add_option("--root", options.root, "Where all paths of sockets begin")
    ->type_name("DIRECTORY")
    ->capture_default_str();
  app
    .add_option("--patience", options.patience,
                "How long new connections wait while the other machine can't be reached")
    ->type_name("SECONDS")
    ->check(CLI::Range(0u, 3600u))
    ->capture_default_str();
  app.add_flag("--keep-sockets", options.keep_sockets,
               "Leave the sockets with the service manager at the end (FDSTORE)");
  app.add_option("--log-level", options.log_level, "Least level that is logged")
    ->check(CLI::IsMember({"trace", "debug", "info", "warn", "error", "off"}))
    ->type_name("LEVEL")
    ->capture_default_str();
  app.add_option("--control", options.control, "Socket for qtinfo, \"\" for none")
    ->type_name("SOCKET")
    ->capture_default_str();
  app.set_version_flag("--version", "udsproxyd " QTFS_RELEASE);

  std::vector<std::string> positional;
  app.add_option("positional", positional, "THREADS MY_ADDR MY_PORT PEER_ADDR PEER_PORT")
    ->expected(5)
    ->type_name("...")
    ->excludes(own);

  if (const std::optional<int> status = parse_command_line(app, argc, argv))
    return *status;

  if (!positional.empty()) {
    address = positional[1];
    port = positional[2];
    peer_address = positional[3];
    peer_port = positional[4];
  } else if (address.empty() || port.empty() || peer_address.empty() || peer_port.empty()) {
    return complain(app, "--address, --port, --peer-address and --peer-port are needed, or "
                         "THREADS MY_ADDR MY_PORT PEER_ADDR PEER_PORT");
  }
  const Result<Address, std::string> local = Address::parse(address, port);
  if (!local)
    return complain(app, local.error());
  const Result<Address, std::string> peer = Address::parse(peer_address, peer_port);
  if (!peer)
    return complain(app, peer.error());
  if (local->family() != peer->family())
    return complain(app, "both addresses must be of one kind: IPv4, IPv6 or vsock cids");
  options.local = *local;
  options.peer = *peer;
  return options;
}

} // namespace qtfs::uds
