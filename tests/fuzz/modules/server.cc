// SPDX-License-Identifier: GPL-2.0
//
// A hostile server. It greets as it should, most of the time, and answers with what a server may
// say, with that mutated, late, twice or never, and tells of events that nobody has caused.

#include <algorithm>
#include <cstddef>
#include <cstdio>
#include <poll.h>
#include <string>
#include <vector>

#include "answers.hh"
#include "bytes.hh"
#include "connection.hh"
#include "frame.hh"
#include "fuzz.hh"
#include "mutate.hh"

namespace qtfs::fuzz {

namespace {

struct Totals {
  std::uint64_t connections = 0;
  std::uint64_t requests = 0;
  std::uint64_t mutated = 0;
  std::uint64_t events = 0;
  std::uint64_t lost = 0;
};

// Every feature that the client offers.
void agree_to_sums(std::string_view request, std::string &reply)
{
  const std::size_t at = sizeof(qtfs_hdr) + offsetof(qtfs_hello_rep, features);
  const auto asked = value_of<qtfs_hello>(request.substr(sizeof(qtfs_hdr) + sizeof(qtfs_req)));

  if (reply.size() >= at + sizeof(asked.features))
    std::memcpy(reply.data() + at, &asked.features, sizeof(asked.features));
}

// Makes an error of an answer.
void fail(std::string &reply, std::uint32_t status)
{
  Reply error(value_of<qtfs_hdr>(reply));

  error.hdr.status = le(__u32{status});
  reply = error.encode();
}

class Client {
public:
  Client(Fd fd, std::uint64_t seed, const Options &options, Agreed &agreed, Totals &totals)
      : connection_(std::move(fd)), random_(seed), agreed_(&agreed), totals_(&totals)
  {
    // Some are right in nearly all, so that what comes late is reached, too.
    wrong_ = static_cast<unsigned>(random_.chance(50) ? options.wrong : options.wrong / 5);
  }

  int fd() const { return connection_.fd(); }
  bool good() const { return connection_.good() && !connection_.lost(); }
  void serve();

private:
  void answer(const std::string &request);
  void send(std::string frame);

  Connection connection_;
  Random random_;
  Agreed *agreed_;
  Totals *totals_;
  unsigned wrong_ = 0;
  bool crc_ = false;
  bool greeted_ = false;
  std::vector<std::string> late_;
};

void Client::send(std::string frame)
{
  if (greeted_ && random_.chance(wrong_)) {
    mutate(random_, frame);
    totals_->mutated++;
  }
  if (crc_ && random_.chance(99))
    seal(frame);
  connection_.send(frame);
}

void Client::answer(const std::string &request)
{
  const auto hdr = value_of<qtfs_hdr>(request);
  const bool hello = le(hdr.op) == QTFS_OP_HELLO;
  std::string reply = good_answer(random_, request, *agreed_);

  if (reply.empty())
    return;
  const std::uint64_t what = hello ? 0 : random_.below(1000);
  const bool sums = hello && random_.chance(30);
  if (sums)
    agree_to_sums(request, reply);
  if (hello && random_.chance(wrong_))
    mutate(random_, reply);
  // Errors of all kinds, those of a kernel's own among them.
  if (what > 900 && what < 930)
    fail(reply, static_cast<__u32>(random_.below(random_.chance(50) ? 150 : QTFS_ERRNO_MAX + 2)));
  if (what > 995) {
    connection_.close();
  } else if (what > 990) {
    totals_->lost++; // it waits for an answer until it has no more patience
  } else if (what > 950) {
    late_.push_back(std::move(reply));
  } else {
    send(reply);
    if (what > 930)
      send(reply);
  }
  if (hello)
    greeted_ = true;
  crc_ = crc_ || sums;
}

void Client::serve()
{
  connection_.receive(0);
  while (const auto request = connection_.frame()) {
    totals_->requests++;
    if (request->size() >= sizeof(qtfs_hdr) + sizeof(qtfs_req))
      answer(*request);
    if (greeted_ && random_.chance(15)) {
      totals_->events++;
      send(notify(random_));
    }
  }
  while (!late_.empty() && random_.chance(60)) {
    std::swap(late_.back(), random_.pick(late_));
    send(std::move(late_.back()));
    late_.pop_back();
  }
}

// Sometimes it is another server than before, or the same after a boot.
void change(Random &random, Agreed &agreed)
{
  if (random.chance(90))
    return;
  for (std::uint8_t &byte : agreed.boot)
    byte = static_cast<std::uint8_t>(random.below(2));
  agreed.session++;
  agreed.max_data = random.chance(50) ? QTFS_DATA_MIN : QTFS_DATA_DEFAULT;
}

} // namespace

int hostile_server(const Options &options)
{
  std::vector<Client> clients;
  Random random(options.seed);
  Agreed agreed;
  Totals totals;

  const bool served = serve_until_the_end(options, [&](Listener &listener) {
    std::vector<pollfd> fds{{.fd = listener.fd(), .events = POLLIN, .revents = 0}};
    for (const Client &client : clients)
      fds.push_back({.fd = client.fd(), .events = POLLIN, .revents = 0});
    ::poll(fds.data(), fds.size(), 20);
    Fd fd = listener.accept();
    for (Client &client : clients)
      client.serve();
    std::erase_if(clients, [](const Client &client) { return !client.good(); });
    if (!fd)
      return;
    totals.connections++;
    change(random, agreed);
    clients.emplace_back(std::move(fd), random.bits(), options, agreed, totals);
  });
  if (!served)
    return 2;
  std::printf(
    "%llu connections, %llu requests, %llu answers mutated, %llu never given; %llu notices\n",
    static_cast<unsigned long long>(totals.connections),
    static_cast<unsigned long long>(totals.requests),
    static_cast<unsigned long long>(totals.mutated), static_cast<unsigned long long>(totals.lost),
    static_cast<unsigned long long>(totals.events));
  return totals.requests ? 0 : 1;
}

} // namespace qtfs::fuzz
