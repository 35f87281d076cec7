// SPDX-License-Identifier: GPL-2.0
//
// The key of two proxies.

#include "key.hh"
#include "uds_fixture.hh"

namespace qtfs::uds::test {

namespace {

const Nonce one = {std::byte{1}}, two = {std::byte{2}};

} // namespace

class KeyTest : public Proxies {
protected:
  void SetUp() override
  {
    Proxies::SetUp();
    if (dir_.empty())
      return;
    a_ = {};
    b_ = {};
    write("k", std::string(16, 'k'));
    write("other", std::string(16, 'o'));
  }
  void write(const std::string &name, const std::string &content, int mode = 0600) const
  {
    std::ofstream(dir_ + "/" + name) << content;
    fs::permissions(dir_ + "/" + name, static_cast<fs::perms>(mode));
  }
  Process start(const std::string &side, const std::string &own, const std::string &peer,
                const std::string &key) const
  {
    std::vector<std::string> args = command(side, own, peer);
    if (!key.empty())
      args.insert(args.end(), {"--key", dir_ + "/" + key});
    return {args, dir_ + "/" + side + ".log"};
  }
  void start_both(const std::string &key_a, const std::string &key_b)
  {
    a_ = start("a", port_a_, port_b_, key_a);
    b_ = start("b", port_b_, port_a_, key_b);
  }
  bool says(const std::string &side, const std::string &text) const
  {
    return wait_until(
      [&] { return read_file(dir_ + "/" + side + ".log").find(text) != std::string::npos; });
  }
};

TEST_F(KeyTest, IsReadFromAFileOfItsOwner)
{
  write("public", std::string(16, 'k'), 0640);
  write("short", std::string(15, 'k'));
  write("long", std::string(4097, 'k'));
  EXPECT_TRUE((Key::load(dir_ + "/k")));
  for (const char *bad : {"public", "short", "long", "none", "a"}) {
    const Result<Key, std::string> key = Key::load(dir_ + "/" + bad);
    ASSERT_FALSE(key) << bad;
    EXPECT_TRUE(key.error().starts_with(dir_)) << key.error();
  }
  EXPECT_EQ(start("a", port_a_, port_b_, "public").wait(), 1);
}

// RFC 4231 has HMACs to compare with; here it is what they are made of.
TEST_F(KeyTest, ProvesNothingElse)
{
  const Key key = *Key::load(dir_ + "/k"), other = *Key::load(dir_ + "/other");
  const Proof proof = key.prove(Role::Initiator, one, two);

  EXPECT_TRUE(key.check(proof, Role::Initiator, one, two));
  EXPECT_FALSE(key.check(proof, Role::Acceptor, one, two));
  EXPECT_FALSE(key.check(proof, Role::Initiator, two, one));
  EXPECT_FALSE(key.check(proof, Role::Initiator, one, one));
  EXPECT_FALSE(other.check(proof, Role::Initiator, one, two));
  EXPECT_FALSE(key.check({}, Role::Initiator, one, two));
}

TEST_F(KeyTest, LetsTheTwoTalk)
{
  start_both("k", "k");
  const Fd listener = listen_on(a("/run/s/x"));
  ASSERT_TRUE(wait_until([&] { return is_socket(b("/run/s/x")); }));
  const Fd client = connect_to(b("/run/s/x"));
  const Fd served = accept_one(listener);
  ASSERT_EQ(::send(client.get(), "1", 1, 0), 1);
  EXPECT_EQ(receive(served.get()), "1");
  EXPECT_EQ(status("a", "unproved"), 0);
}

TEST_F(KeyTest, HasToBeTheSame)
{
  start_both("k", "other");
  const Fd listener = listen_on(a("/run/s/x"));
  EXPECT_TRUE(says("a", "the peer has another key"));
  EXPECT_TRUE(wait_until([&] { return status("a", "unproved") > 1; }));
  EXPECT_FALSE(fs::exists(b("/run/s/x")));
}

TEST_F(KeyTest, IsNeededOnBothSides)
{
  start_both("k", "");
  const Fd listener = listen_on(a("/run/s/x"));
  EXPECT_TRUE(says("a", "the peer has no key"));
  EXPECT_TRUE(says("b", "the peer wants this machine to have its key"));
  EXPECT_FALSE(fs::exists(b("/run/s/x")));
}

// Who has none may say what he likes: nothing that a stranger could want is done for him.
TEST_F(KeyTest, ComesBeforeAnythingElse)
{
  a_ = start("a", port_a_, port_b_, "k");
  const Fd listener = listen_on(a("/run/s/x"));
  ASSERT_TRUE(wait_until([&] { return status("a", "exported") == 1; }));
  const std::vector<std::function<void(Malicious &)>> tries = {
    [](Malicious &peer) { peer.open(1, "/run/s/x"); },
    [](Malicious &peer) { peer.send(FrameType::Ping, 0); },
    [](Malicious &peer) { peer.send(FrameType::Prove, 0, Bytes(32)); },
    [](Malicious &peer) { // its own nonce back
      const std::optional<Hello> hello = peer.receive_hello();
      ASSERT_TRUE(hello);
      EXPECT_NE(hello->nonce, Nonce{});
      peer.send(FrameType::Prove, 0, hello->nonce);
    },
    [&](Malicious &peer) { // a proof of the other role
      const Key key = *Key::load(dir_ + "/k");
      const std::optional<Hello> hello = peer.receive_hello();
      ASSERT_TRUE(hello);
      peer.send(FrameType::Prove, 0, key.prove(Role::Acceptor, one, hello->nonce));
    },
    [&](Malicious &peer) { // one that was good for another link
      const Key key = *Key::load(dir_ + "/k");
      peer.send(FrameType::Prove, 0, key.prove(Role::Initiator, one, two));
    },
  };
  for (std::size_t i = 0; i < tries.size(); i++) {
    Malicious peer(port_a_);
    peer.send(FrameType::Hello, 0, encode(Hello{protocol_version, 65536, one}));
    tries[i](peer);
    EXPECT_TRUE(peer.ends()) << i;
  }
  EXPECT_EQ(status("a", "open"), 0);

  // The right one does get in.
  const Key key = *Key::load(dir_ + "/k");
  Malicious peer(port_a_);
  peer.send(FrameType::Hello, 0, encode(Hello{protocol_version, 65536, one}));
  const std::optional<Hello> hello = peer.receive_hello();
  ASSERT_TRUE(hello);
  peer.send(FrameType::Prove, 0, key.prove(Role::Initiator, one, hello->nonce));
  peer.open(1, "/run/s/x");
  EXPECT_TRUE(accept_one(listener));
}

} // namespace qtfs::uds::test
