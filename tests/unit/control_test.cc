// SPDX-License-Identifier: GPL-2.0

#include "control.hh"

#include <cstring>
#include <filesystem>
#include <fstream>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <thread>

namespace qtfs::test {

namespace {

using namespace std::chrono_literals;

class Control : public testing::Test {
protected:
  void SetUp() override
  {
    if (::geteuid() != 0)
      GTEST_SKIP() << "the socket answers root alone";
    Result<Fd, std::string> listener = control_listen(path_);
    ASSERT_TRUE(listener) << listener.error();
    listener_ = std::move(*listener);
  }
  void TearDown() override { std::filesystem::remove_all(directory_); }

  // As the engine's main thread does: when somebody has connected.
  void serve(const std::function<std::string(std::string_view)> &answer) const
  {
    pollfd poll = {listener_.get(), POLLIN, 0};

    EXPECT_EQ(::poll(&poll, 1, 10000), 1);
    control_serve(listener_.get(), answer);
  }

  Fd connect() const
  {
    sockaddr_un address = {};
    Fd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));

    address.sun_family = AF_UNIX;
    std::strncpy(address.sun_path, path_.c_str(), sizeof(address.sun_path) - 1);
    EXPECT_EQ(::connect(fd.get(), reinterpret_cast<sockaddr *>(&address), sizeof(address)), 0);
    return fd;
  }

  std::string directory_ = testing::TempDir() + "qtfs-control-" + std::to_string(::getpid());
  std::string path_ = directory_ + "/socket";
  Fd listener_;
};

Json request()
{
  Json request = Json::object();

  request.set("op", "a \"name\"\n\xff");
  return request;
}

} // namespace

TEST_F(Control, Answers)
{
  std::string got;
  std::thread server([&] {
    serve([&](std::string_view line) {
      got = Json::parse(line)->string("op").value_or("");
      return std::string(R"({"ok":true,"value":7})");
    });
  });
  const Result<Json, std::string> answer = control_ask(path_, request(), 5s);
  server.join();

  ASSERT_TRUE(answer) << answer.error();
  EXPECT_EQ(answer->number("value"), 7);
  EXPECT_EQ(got, "a \"name\"\n\xff");
}

TEST_F(Control, PassesErrorsOn)
{
  std::thread server(
    [&] { serve([](std::string_view) { return R"({"ok":false,"error":"no"})"; }); });
  const Result<Json, std::string> answer = control_ask(path_, request(), 5s);
  server.join();

  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error(), "no");
}

TEST_F(Control, IsForRootAlone)
{
  struct stat st;
  ASSERT_EQ(::stat(path_.c_str(), &st), 0);
  EXPECT_EQ(st.st_mode & 0777, 0600u);

  // Even where the file's mode has been changed.
  ASSERT_EQ(::chmod(path_.c_str(), 0666), 0);
  ASSERT_EQ(::chmod(directory_.c_str(), 0755), 0);
  const pid_t pid = ::fork();
  if (pid == 0) {
    if (::setresuid(65534, 65534, 65534) != 0)
      ::_exit(2);
    ::_exit(control_ask(path_, request(), 5s) ? 1 : 0);
  }
  bool called = false;
  serve([&](std::string_view) {
    called = true;
    return std::string("{}");
  });
  int status = 0;
  ::waitpid(pid, &status, 0);
  EXPECT_EQ(status, 0);
  EXPECT_FALSE(called);
}

TEST_F(Control, DoesntWaitForThoseWhoSayNothing)
{
  const Fd silent = connect();
  const auto begin = std::chrono::steady_clock::now();

  serve([](std::string_view) { return std::string("{}"); });
  EXPECT_LT(std::chrono::steady_clock::now() - begin, 4s);
}

TEST_F(Control, DoesntReadForEver)
{
  const Fd fd = connect();
  std::thread writer([&] {
    const std::string junk(65536, 'x');
    while (::send(fd.get(), junk.data(), junk.size(), MSG_NOSIGNAL) > 0)
      continue;
  });

  bool called = false;
  serve([&](std::string_view) {
    called = true;
    return std::string("{}");
  });
  writer.join();
  EXPECT_FALSE(called);
}

TEST_F(Control, TellsThatThereIsNoEngine)
{
  listener_.reset();
  const Result<Json, std::string> answer = control_ask(path_, request(), 1s);

  ASSERT_FALSE(answer);
  EXPECT_NE(answer.error().find("no engine is running"), std::string::npos) << answer.error();
}

TEST_F(Control, GivesUpOnAnEngineThatHangs)
{
  const Result<Json, std::string> answer = control_ask(path_, request(), 200ms);

  ASSERT_FALSE(answer);
  EXPECT_NE(answer.error().find("doesn't answer"), std::string::npos) << answer.error();
}

TEST(ControlListen, LeavesFilesAlone)
{
  const std::string file = testing::TempDir() + "qtfs-no-socket-" + std::to_string(::getpid());
  std::ofstream(file) << "precious";

  EXPECT_FALSE(control_listen(file));
  EXPECT_EQ(std::filesystem::file_size(file), 8u);
  std::filesystem::remove(file);
  EXPECT_FALSE(control_listen("relative"));
  EXPECT_FALSE(control_listen("/" + std::string(200, 'x')));
}

TEST(Json, IsStrict)
{
  for (const char *text : {"", "{", "{} x", "nonsense", "{\"a\":1,}"})
    EXPECT_FALSE(Json::parse(text)) << text;
  const std::optional<Json> json = Json::parse(R"({"s":"x","n":1,"b":true})");
  ASSERT_TRUE(json);
  EXPECT_FALSE(json->string("n"));
  EXPECT_FALSE(json->number("s"));
  EXPECT_FALSE(json->flag("n"));
  EXPECT_TRUE(json->flag("b"));
  const std::optional<Json> number = Json::parse("7");
  ASSERT_TRUE(number);
  EXPECT_FALSE(number->string("s")) << "no object, so no members";
  EXPECT_FALSE(Json::parse(std::string_view("{}\0{}", 5)));
}

} // namespace qtfs::test
