// SPDX-License-Identifier: GPL-2.0

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <gtest/gtest.h>
#include <unistd.h>

#include "health.hh"
#include "model.hh"
#include "options.hh"
#include "release.hh"
#include "report.hh"
#include "snapshot.hh"
#include "text.hh"
#include "top.hh"
#include "trace.hh"

namespace qtfs::test {

using namespace qtinfo;

namespace {

// A tree as the modules make it.
class Tree : public testing::Test {
protected:
  void SetUp() override
  {
    file("/sys/module/qtfs/parameters/qtfs_log_level", "WARN\n");
    file("/sys/module/qtfs_server/parameters/qtfs_log_level", "INFO\n");
    file("/sys/module/qtfs_server/version", QTFS_RELEASE "\n");
    file("/sys/kernel/debug/qtfs/log", "NONE ERROR [WARN] INFO DEBUG\n");
    file("/sys/fs/qtfs/2/state", "connected\n");
    file("/sys/fs/qtfs/2/transport", "tcp 10.0.0.1:12345\n");
    file("/sys/fs/qtfs/2/device", "0:45\n");
    file("/sys/fs/qtfs/2/stats", "LOOKUP 3\nLOOKUP_errors 1\nslots 64\n");
    file("/sys/kernel/debug/qtfs/2/latency", "LOOKUP 3 1 0 9000 0 0 1 2 0 0\n");
    file("/sys/kernel/debug/qtfs/2/ops", "2 0 READ sent 40 123 1\n2 1 LOOKUP sent 9000 7 2\n");
    file("/sys/fs/qtfs_server/engine", "running\n");
    file("/sys/fs/qtfs_server/stats", "LOOKUP 5\nbad_magic 0\n");
    file("/sys/fs/qtfs_server/1/state", "connected\n");
    file("/sys/fs/qtfs_server/1/transport", "tcp 10.0.0.2:1000\n");
    file("/sys/fs/qtfs_server/1/client", "0011-22 1 dpu\n");
    file("/sys/fs/qtfs_server/1/nodes", "7\n");
    file("/sys/fs/qtfs_server/1/opens", "3\n");
    file("/sys/kernel/debug/qtfs_server/latency", "LOOKUP 5 0 0 50000 0 0 5 0 0 0\n");
    file("/proc/self/mountinfo", "1 0 0:1 / / rw - tmpfs none rw\n"
                                 "9 1 0:45 / /mnt/a\\040b rw shared:1 - qtfs /srv rw,cache=none\n"
                                 "8 1 0:46 / /other rw - qtfs /x rw\n");
    file("/proc/slabinfo", "slabinfo - version: 2.1\nqtfs_inode 5 10 1024 4 1\ndentry 9 9 9 9\n");
  }
  void TearDown() override { std::filesystem::remove_all(root_); }

  void file(const std::string &name, const std::string &content) const
  {
    std::filesystem::create_directories(std::filesystem::path(root_ + name).parent_path());
    std::ofstream(root_ + name) << content;
  }
  Model model() const { return read_model(take_snapshot(root_)); }

  std::string root_ = testing::TempDir() + "qtinfo-" + std::to_string(::getpid());
};

bool mentions(const std::vector<Finding> &findings, const char *word, bool serious)
{
  return std::ranges::any_of(findings, [&](const Finding &finding) {
    return finding.serious == serious && finding.what.find(word) != std::string::npos;
  });
}

} // namespace

TEST_F(Tree, IsRead)
{
  const Model now = model();

  EXPECT_TRUE(now.client && now.server && now.details);
  EXPECT_EQ(now.stuck, "");
  ASSERT_EQ(now.mounts.size(), 1u);
  EXPECT_EQ(now.mounts[0].points, std::vector<std::string>{"/mnt/a b"});
  EXPECT_EQ(now.mounts[0].source, "/srv");
  EXPECT_EQ(now.mounts[0].counters.at("LOOKUP"), 3u);
  EXPECT_EQ(now.mounts[0].ops.at(0).errors, 1u);
  ASSERT_EQ(now.sessions.size(), 1u);
  EXPECT_EQ(now.sessions[0].label, "dpu");
  EXPECT_EQ(now.sessions[0].opens, 3u);
  ASSERT_EQ(now.in_flight.size(), 2u);
  EXPECT_EQ(now.in_flight[0].op, "LOOKUP") << "the oldest first";
  ASSERT_EQ(now.slabs.size(), 1u);
  EXPECT_EQ(now.slabs[0].total, 10u);
}

// A FIFO that is opened for reading and writing stands for a file that hangs.
TEST_F(Tree, AFileThatHangsIsNamedAndNotWaitedFor)
{
  const auto begin = std::chrono::steady_clock::now();
  bool complete = true;
  const std::string said = run_apart(
    [](int fd) {
      EXPECT_EQ(::write(fd, "x", 1), 1);
      ::pause();
    },
    std::chrono::milliseconds(100), complete);

  EXPECT_EQ(said, "x");
  EXPECT_FALSE(complete);
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(5));
}

TEST_F(Tree, HealthTellsWhatToLookAt)
{
  const Ping good = {2, "/mnt/a b", 0, 1000};
  Engine engine;
  engine.answers = true;
  Model now = model();

  EXPECT_TRUE(mentions(examine(now, engine, {good}, true), "LOOKUP waits for", true));
  now.in_flight.clear();
  EXPECT_TRUE(examine(now, engine, {good}, true).empty());
  EXPECT_TRUE(mentions(examine(now, engine, {{2, "/mnt", ETIMEDOUT, 0}}, true), "/mnt", true));
  Proxy proxy = {"", "1", 7, "10.0.0.2:12121", true};
  EXPECT_TRUE(examine(now, engine, {good}, true, proxy).empty());
  proxy.connected = false;
  EXPECT_TRUE(mentions(examine(now, engine, {good}, true, proxy), "10.0.0.2:12121", true));
  proxy.problem = "it doesn't answer";
  EXPECT_TRUE(mentions(examine(now, engine, {good}, true, proxy), "doesn't answer", true));
  now.releases["qtfs"] = "0.0.1";
  EXPECT_TRUE(mentions(examine(now, engine, {good}, true), "qtfs 0.0.1 is loaded", false));
  now.releases.clear();
  now.fstab = {now.mounts[0].points.at(0)};
  EXPECT_TRUE(examine(now, engine, {good}, true).empty());
  now.fstab.emplace_back("/mnt/gone");
  EXPECT_TRUE(mentions(examine(now, engine, {good}, true), "/mnt/gone: in /etc/fstab", true));
  now.fstab.clear();
  EXPECT_TRUE(mentions(examine(now, engine, {good}, false), "not root", false));
  engine.edited = true;
  EXPECT_TRUE(mentions(examine(now, engine, {good}, true), "whitelist", false));
  now.server_counters["bad_magic"] = 1;
  EXPECT_TRUE(mentions(examine(now, engine, {good}, true), "bad frames", false));
  now.mounts[0].state = "down";
  EXPECT_TRUE(mentions(examine(now, engine, {good}, true), "down", true));
  now.engine = "stopped";
  EXPECT_TRUE(mentions(examine(now, engine, {good}, true), "no engine", true));
  EXPECT_TRUE(mentions(examine(Model(), std::nullopt, {}, true), "neither", true));
}

TEST_F(Tree, EveryAnswerIsJson)
{
  const Model now = model();
  Summary summary;
  summary.model = now;
  summary.engine = Engine();
  summary.pings = {{2, "/mnt", 0, 5}, {3, "", ENOENT, 0}};
  summary.findings = examine(now, summary.engine, summary.pings, true);

  for (const Json &json :
       {summary_json(summary), stats_json(now), in_flight_json(now), opens_json(now),
        connections_json(now), caches_json(now), pings_json(summary.pings)})
    EXPECT_TRUE(Json::parse(json.pretty()) && Json::parse(json.line())) << json.pretty();
  EXPECT_EQ(stats_json(now).line().find("\"op\":\"LOOKUP\"") != std::string::npos, true);
  EXPECT_NE(summary_text(summary, Style(false)).find("Not all is well"), std::string::npos);
  EXPECT_EQ(summary_text(summary, Style(false)).find('\x1b'), std::string::npos);
}

TEST_F(Tree, PrometheusCountsUp)
{
  const std::string text = prometheus_text(model());

  EXPECT_NE(
    text.find("qtfs_operations_total{side=\"client\",mount=\"/mnt/a b\",op=\"LOOKUP\"} 3\n"),
    std::string::npos)
    << text;
  EXPECT_NE(text.find("le=\"4.096e-06\"} 1\n"), std::string::npos) << text;
  EXPECT_NE(text.find("le=\"8.192e-06\"} 3\n"), std::string::npos) << text;
  EXPECT_NE(text.find("le=\"+Inf\"} 3\n"), std::string::npos);
  EXPECT_NE(text.find("qtfs_engine_running 1\n"), std::string::npos);
}

TEST(OpStats, AreAddedAndSubtracted)
{
  const std::vector<OpStat> before = parse_opstats("A 1 0 10 100 1 0 0\nB 5 5 0 50 5 0 0\n");
  const std::vector<OpStat> now =
    parse_opstats("A 4 1 40 700 1 2 1\nB 5 5 0 50 5 0 0\nC 1 0 0 1 1 0 0\n");
  const std::vector<OpStat> less = difference(now, before);

  ASSERT_EQ(less.size(), 2u) << "B has done nothing";
  EXPECT_EQ(less[0].count, 3u);
  EXPECT_EQ(less[0].ns, 600u);
  EXPECT_EQ(less[0].buckets, (std::vector<std::uint64_t>{0, 2, 1}));
  EXPECT_EQ(total(now).count, 10u);
  // They were cleared meanwhile.
  EXPECT_EQ(difference(before, now).size(), 1u);
}

TEST(OpStats, SayHowLongMostTook)
{
  const OpStat op = parse_opstats("A 100 0 0 1 50 49 1 0\n").front();

  EXPECT_EQ(op.quantile(0.5), 1024u);
  EXPECT_EQ(op.quantile(0.99), 2048u);
  EXPECT_EQ(op.quantile(1), 4096u);
  EXPECT_EQ(OpStat().quantile(0.5), 0u);
  EXPECT_TRUE(parse_opstats("nonsense\nA x\n").empty());
}

TEST(Text, IsForPeople)
{
  EXPECT_EQ(human_time(999), "999 ns");
  EXPECT_EQ(human_time(1500), "1.5 us");
  EXPECT_EQ(human_time(12'000'000), "12 ms");
  EXPECT_EQ(human_time(3'400'000'000), "3.4 s");
  EXPECT_EQ(human_bytes(0), "0 B");
  EXPECT_EQ(human_bytes(1536), "1.5 KiB");
  EXPECT_EQ(human_bytes(UINT64_MAX), "16384 PiB");
  EXPECT_EQ(human_count(0.5), "0.5");
  EXPECT_EQ(human_count(9999), "9999");
  EXPECT_EQ(human_count(12345), "12 k");
  EXPECT_EQ(error_name(13), "EACCES");
  EXPECT_EQ(error_name(4000), "4000");
}

TEST(Text, HistogramsShowTheLeastAndTheMost)
{
  const std::string text = histogram({0, 1, 1000, 0, 2, 0}, 10);

  EXPECT_EQ(text, "    < 2.0 us          1 |#\n"
                  "    < 4.1 us       1000 |##########\n"
                  "    < 8.2 us          0 |\n"
                  "     < 16 us          2 |#\n");
  EXPECT_EQ(histogram({}), "");
  EXPECT_EQ(histogram({0, 0}), "");
  EXPECT_NE(histogram({0, 3}).find(">= "), std::string::npos) << "the last has no end";
}

TEST(Trace, LinesAreUnderstood)
{
  const std::optional<TraceEvent> event =
    parse_trace("           <...>-1234    [001] .....  5001.123456: qtfs_request_end: session=1 "
                "slot=3 seq=10 op=LOOKUP error=-2 data=0 age=123456 ns");

  ASSERT_TRUE(event);
  EXPECT_EQ(event->time, "5001.123456");
  EXPECT_EQ(event->name, "qtfs_request_end");
  EXPECT_EQ(event->number("slot"), 3);
  const std::string text = trace_text(*event);
  for (const char *word : {"client", "1/3/10", "LOOKUP", "ENOENT", "123 us"})
    EXPECT_NE(text.find(word), std::string::npos) << text;
  EXPECT_TRUE(Json::parse(trace_json(*event)));
  EXPECT_FALSE(parse_trace("CPU:1 [LOST 13 EVENTS]"));
  EXPECT_FALSE(parse_trace(""));
}

TEST(Trace, IsFiltered)
{
  const TraceEvent end =
    *parse_trace("a-1 [0] . 1.0: qtfsd_call_replied: op=READ status=0 age=5000 ns");
  const TraceEvent queued =
    *parse_trace("a-1 [0] . 1.0: qtfsd_call_queued: op=READ status=0 age=1 ns");
  TraceFilter filter;

  EXPECT_TRUE(filter.wants(end));
  EXPECT_FALSE(filter.wants(queued));
  filter.op = "read";
  EXPECT_TRUE(filter.wants(end));
  filter.op = "WRITE";
  EXPECT_FALSE(filter.wants(end));
  EXPECT_FALSE((TraceFilter{"", true, 0, false}.wants(end)));
  EXPECT_TRUE((TraceFilter{"", false, 5, false}.wants(end)));
  EXPECT_FALSE((TraceFilter{"", false, 6, false}.wants(end)));
  EXPECT_TRUE((TraceFilter{"", false, 0, true}.wants(queued)));
}

TEST(Fstab, TellsWhatIsMountedAtBoot)
{
  EXPECT_EQ(parse_fstab("# /srv /a qtfs defaults\n/srv /b qtfs addr=1.2.3.4,_netdev 0 0\n\n"
                        "/dev/vda / ext4 rw\n/srv /c qtfs noauto,nosuid\n  /s /d\\040e/ qtfs rw\n"),
            (std::vector<std::string>{"/b", "/d e"}));
}

TEST(Top, IsSorted)
{
  std::vector<OpStat> ops = parse_opstats("A 10 0 5 100 10\nB 5 5 99 9000 5\n");

  const auto first = [&](char key) {
    sort_ops(ops, key);
    const std::string text = top_table(ops, 1);
    return text[text.find('\n') + 1];
  };
  EXPECT_EQ(first('c'), 'A');
  EXPECT_EQ(first('e'), 'B');
  EXPECT_EQ(first('b'), 'B');
  EXPECT_EQ(first('t'), 'B');
  EXPECT_EQ(first('l'), 'B');
}

namespace {

Result<qtinfo::Options, int> parse(std::vector<const char *> args)
{
  args.insert(args.begin(), "qtinfo");
  testing::internal::CaptureStdout();
  testing::internal::CaptureStderr();
  Result<qtinfo::Options, int> options =
    qtinfo::parse_options(static_cast<int>(args.size()), args.data());
  testing::internal::GetCapturedStdout();
  testing::internal::GetCapturedStderr();
  return options;
}

} // namespace

TEST(QtinfoOptions, KnowTheHistoricalOnes)
{
  using enum qtinfo::Command;

  EXPECT_EQ(parse({})->command, Summary);
  EXPECT_EQ(parse({"-a"})->command, All);
  EXPECT_EQ(parse({"-c"})->command, Clear);
  EXPECT_EQ(parse({"-l", "warn"})->command, Log);
  EXPECT_EQ(parse({"-l", "warn"})->level, "WARN");
  EXPECT_EQ(parse({"-t"})->command, Sizes);
  EXPECT_EQ(parse({"-p", "1"})->command, PollMode);
  EXPECT_EQ(parse({"-u"})->command, Udsproxyd);
  EXPECT_EQ(parse({"-s"})->command, UdsLevel);
  EXPECT_EQ(parse({"-s"})->control, proxy_socket);
  EXPECT_EQ(parse({"stats", "--json"})->command, Stats);
  EXPECT_TRUE(parse({"stats", "--json"})->json);
  EXPECT_EQ(parse({"log"})->level, "");
  for (const std::vector<const char *> &args : std::vector<std::vector<const char *>>{
         {"-l", "LOUD"}, {"-p", "2"}, {"nonsense"}, {"-a", "-c"}, {"-a", "stats"}, {"log", "x"}})
    EXPECT_EQ(parse(args).error(), 2) << args[0];
  EXPECT_EQ(parse({"--help"}).error(), 0);
}

} // namespace qtfs::test
