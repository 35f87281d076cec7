// SPDX-License-Identifier: GPL-2.0
//
// modfuzz client|server|engine|load|...: hostile peers of the kernel modules; tests/suites/fuzz.sh
// and hostile.sh

#include <CLI/CLI.hpp>

#include <cstdio>
#include <exception>

#include "fuzz.hh"

namespace {

int fuzz(int argc, char **argv)
{
  using namespace qtfs::fuzz;
  CLI::App app("Hostile peers of the kernel modules");
  Options options;
  int seconds = 10;
  int (*run)(const Options &) = nullptr;

  app.require_subcommand(1);
  app.fallthrough();
  app.add_option("--address", options.address,
                 "IPv4 address, or vsock:CID, to connect to or to listen at");
  app.add_option("--port", options.port);
  app.add_option("--directory", options.directory, "client: what to attach; load: where to work");
  app.add_option("--seconds", seconds);
  app.add_option("--seed", options.seed);
  app.add_option("--wrong", options.wrong, "percentage of what is mutated");
  app.add_subcommand("client", "of the server module")->callback([&] { run = hostile_client; });
  app.add_subcommand("server", "of the client module")->callback([&] { run = hostile_server; });
  app.add_subcommand("engine", "of the server module")->callback([&] { run = hostile_engine; });
  app.add_subcommand("load", "of a mount")->callback([&] { run = load; });
  app.add_subcommand("noise-client", "of the server module: random bytes")->callback([&] {
    run = noise_client;
  });
  app.add_subcommand("noise-server", "of the client module: random bytes")->callback([&] {
    run = noise_server;
  });
  CLI::App *window = app.add_subcommand(
    "bridge", "joins a PCIe window to --address and --port, and scribbles in it");
  window->callback([&] { run = bridge; });
  window->add_option("--device", options.device)->required();
  window->add_flag("--client", options.window_client, "the client's side of it");
  window->add_option("--scribbles", options.scribbles, "of a thousand looks");
  window = app.add_subcommand("scribble", "in a PCIe window that others use");
  window->callback([&] { run = scribbler; });
  window->add_option("--device", options.device)->required();
  CLI11_PARSE(app, argc, argv);
  options.time = std::chrono::seconds(seconds);
  return run(options);
}

} // namespace

int main(int argc, char **argv)
{
  try {
    return fuzz(argc, argv);
  } catch (const std::exception &e) {
    std::fprintf(stderr, "modfuzz: %s\n", e.what());
    return 1;
  }
}
