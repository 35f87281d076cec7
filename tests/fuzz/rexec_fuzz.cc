// SPDX-License-Identifier: GPL-2.0
//
// What rexec and rexec_server read from each other, and the whitelist, for
// libFuzzer (cmake -DQTFS_FUZZ=ON with clang):
//
//	build/tests/fuzz/rexec_fuzz tests/fuzz/rexec

#include <cstdint>
#include <cstdlib>

#include "command_list.hh"
#include "message.hh"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t *data, std::size_t size)
{
  using namespace qtfs::rexec;
  const std::string_view bytes(reinterpret_cast<const char *>(data), size);

  if (size >= header_size)
    get_header(bytes);
  if (const auto request = parse_request(bytes); request && encode(*request).size() != size)
    std::abort(); // something of it has been overlooked
  static_cast<void>(parse_greeting(bytes));
  parse_failure(bytes);
  parse_signal(bytes);
  parse_size(bytes);
  parse_connected(bytes);
  if (const auto list = CommandList::parse(bytes, "list"))
    list->judge("/usr/bin/true", {"true", "x"});
  return 0;
}
