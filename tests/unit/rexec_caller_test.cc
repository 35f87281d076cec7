// SPDX-License-Identifier: GPL-2.0
//
// What rexec takes from its caller, and what rexec_server makes of it.

#include <algorithm>
#include <array>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include "caller.hh"
#include "fd.hh"

namespace qtfs::rexec {

namespace {

const char *const mounts = "21 1 8:1 / / rw,relatime shared:1 - ext4 /dev/vda1 rw\n"
                           "30 21 0:40 / /mnt/host rw - qtfs / rw\n"
                           "31 21 0:41 / /mnt/with\\040space rw shared:9 - qtfs /srv/a\\040b rw\n"
                           "32 21 0:42 /sub /mnt/part rw - qtfs /srv rw\n"
                           "33 30 0:43 / /mnt/host/tmp rw - tmpfs tmpfs rw\n"
                           "34 21 0:44 / /same rw - qtfs /same rw\n";

std::string remote(const std::string &directory, const std::string &mountinfo)
{
  return remote_directory(directory, parse_mountinfo(mountinfo));
}

} // namespace

TEST(RemoteDirectory, IsTheSameOnAMountOfQtfs)
{
  EXPECT_EQ(remote("/mnt/host", mounts), "/");
  EXPECT_EQ(remote("/mnt/host/srv/x", mounts), "/srv/x");
  EXPECT_EQ(remote("/mnt/with space/x", mounts), "/srv/a b/x");
  EXPECT_EQ(remote("/mnt/with space", mounts), "/srv/a b");
  EXPECT_EQ(remote("/mnt/part/x", mounts), "/srv/sub/x");
  EXPECT_EQ(remote("/same/x", mounts), "/same/x");
}

TEST(RemoteDirectory, HasTheSameNameElsewhere)
{
  EXPECT_EQ(remote("/", mounts), "/");
  EXPECT_EQ(remote("/home/u", mounts), "/home/u");
  EXPECT_EQ(remote("/mnt/hosts", mounts), "/mnt/hosts");
  EXPECT_EQ(remote("/mnt/host/tmp/x", mounts), "/mnt/host/tmp/x");
  EXPECT_EQ(remote("/x", ""), "/x");
}

TEST(RemoteDirectory, FollowsARootOfQtfs)
{
  EXPECT_EQ(remote("/usr", "1 0 0:1 / / rw - qtfs / rw\n"), "/usr");
  EXPECT_EQ(remote("/usr", "1 0 0:1 / / rw - qtfs /root1 rw\n"), "/root1/usr");
  EXPECT_EQ(remote("/", "1 0 0:1 / / rw - qtfs /root1 rw\n"), "/root1");
}

TEST(ClientOptions, LeaveTheCommandsArgumentsAlone)
{
  const auto parse = [](std::vector<const char *> args) {
    args.insert(args.begin(), "rexec");
    return parse_client_options(static_cast<int>(args.size()), args.data());
  };
  using Words = std::vector<std::string>;

  EXPECT_EQ(parse({"ls", "-t", "--", "--help"})->command, (Words{"ls", "-t", "--", "--help"}));
  EXPECT_FALSE(parse({"ls", "-t"})->terminal);
  EXPECT_TRUE(parse({"-t", "ls", "-l"})->terminal);
  EXPECT_EQ(parse({"-t", "ls", "-l"})->command, (Words{"ls", "-l"}));
  EXPECT_EQ(parse({"--", "-odd", "x"})->command, (Words{"-odd", "x"}));
  EXPECT_EQ(parse({"--cwd", "/x", "ls"})->cwd, "/x");
  EXPECT_EQ(parse({"-tn", "ls", "--cwd=/y"})->cwd, "");
  EXPECT_EQ(parse({}).error(), status_failed);
  EXPECT_EQ(parse({"--bogus", "ls"}).error(), status_failed);
  EXPECT_EQ(parse({"--orphan", "--kill", "ls"}).error(), status_failed);
  EXPECT_EQ(parse({"--grace", "-1", "ls"}).error(), status_failed);
}

} // namespace qtfs::rexec
