// SPDX-License-Identifier: GPL-2.0
//
// rexec under another name.

#include <array>
#include <cstdlib>
#include <gtest/gtest.h>

#include "client_options.hh"

namespace qtfs::rexec {

TEST(StandIn, IsKnownByItsFile)
{
  EXPECT_EQ(program_stood_for("/usr/sbin/runc"), "/usr/sbin/runc");
  EXPECT_EQ(program_stood_for("/usr/sbin/runc (deleted)"), "/usr/sbin/runc");
  EXPECT_EQ(program_stood_for("/usr/bin/rexec"), std::nullopt);
  EXPECT_EQ(program_stood_for("/usr/bin/rexec (deleted)"), std::nullopt);
  EXPECT_EQ(program_stood_for("/rexec"), std::nullopt);
  EXPECT_EQ(program_stood_for(""), std::nullopt);
  EXPECT_EQ(program_stood_for("(unreachable)/x"), std::nullopt);
}

TEST(StandIn, HasNoOptionsOfItsOwn)
{
  const std::array<const char *, 5> argv = {"name", "--help", "-t", "--", "x"};

  ::setenv("REXEC_SERVER", "/a/socket", 1);
  const ClientOptions options =
    options_of_stand_in("/usr/sbin/runc", static_cast<int>(argv.size()), argv.data(), false);
  ::unsetenv("REXEC_SERVER");
  EXPECT_EQ(options.command,
            (std::vector<std::string>{"/usr/sbin/runc", "--help", "-t", "--", "x"}));
  EXPECT_EQ(options.server, "/a/socket");
  EXPECT_FALSE(options.terminal);
  EXPECT_TRUE(options_of_stand_in("/a", 1, argv.data(), true).terminal);
  EXPECT_EQ(options_of_stand_in("/a", 0, nullptr, false).command, std::vector<std::string>{"/a"});
}

} // namespace qtfs::rexec
