// SPDX-License-Identifier: GPL-2.0
//
// Peers that know nothing of the protocol, or no more than its first frame: random bytes, in
// pieces of any size, for as long as the other side listens.

#include <cstdio>
#include <poll.h>

#include "answers.hh"
#include "bytes.hh"
#include "connection.hh"
#include "frame.hh"
#include "fuzz.hh"
#include "random.hh"

namespace qtfs::fuzz {

namespace {

struct Totals {
  unsigned long long connections = 0;
  unsigned long long bytes = 0;
};

// A header that promises more than comes makes the rest its body.
std::string plausible(Random &random)
{
  qtfs_hdr hdr{};

  hdr.magic = le(__u32{QTFS_MAGIC});
  hdr.len = le(static_cast<__u32>(random.boundary()));
  hdr.op = le(static_cast<__u16>(random.below(QTFS_OP_END + 1)));
  return bytes_of(hdr);
}

void make_noise(Connection &connection, Random &random, Totals &totals)
{
  for (std::uint64_t n = random.between(1, 40); n && connection.good(); n--) {
    std::string bytes = random.chance(30) ? plausible(random) : std::string();

    bytes += random.bytes(random.below(random.chance(80) ? 300 : 70000));
    if (connection.send(bytes))
      totals.bytes += bytes.size();
    connection.receive(static_cast<int>(random.below(random.chance(90) ? 3 : 200)));
  }
}

int tell(const Totals &totals)
{
  std::printf("%llu connections, %llu bytes\n", totals.connections, totals.bytes);
  return totals.bytes ? 0 : 1;
}

} // namespace

int noise_client(const Options &options)
{
  const Deadline deadline(options.time);
  Random random(options.seed);
  Totals totals;

  while (!deadline.over()) {
    Connection connection(dial(options.address, options.port));

    if (!connection.good()) {
      ::poll(nullptr, 0, 50);
      continue;
    }
    totals.connections++;
    make_noise(connection, random, totals);
  }
  return tell(totals);
}

int noise_server(const Options &options)
{
  Random random(options.seed);
  Agreed agreed;
  Totals totals;

  const bool served = serve_until_the_end(options, [&](Listener &listener) {
    pollfd p{.fd = listener.fd(), .events = POLLIN, .revents = 0};

    ::poll(&p, 1, 50);
    Fd fd = listener.accept();
    if (!fd)
      return;
    Connection connection(std::move(fd));
    totals.connections++;
    // Half of them agree to a session first, so that the noise is in the place of answers.
    if (random.chance(50) && connection.receive(1000 * slow()))
      if (const auto hello = connection.frame();
          hello && hello->size() >= sizeof(qtfs_hdr) + sizeof(qtfs_req))
        connection.send(good_answer(random, *hello, agreed));
    make_noise(connection, random, totals);
  });
  return served ? tell(totals) : 2;
}

} // namespace qtfs::fuzz
