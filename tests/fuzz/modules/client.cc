// SPDX-License-Identifier: GPL-2.0
//
// A hostile client: sessions of several connections, in which right and wrong requests are sent
// one after the other. Each session has its own seed, which is told before it begins.

#include <algorithm>
#include <array>
#include <cstdio>
#include <map>
#include <vector>

#include "bytes.hh"
#include "connection.hh"
#include "frame.hh"
#include "fuzz.hh"
#include "mutate.hh"
#include "requests.hh"

namespace qtfs::fuzz {

namespace {

constexpr unsigned connections_max = 3;
constexpr int answer_limit_ms = 2000;

struct Totals {
  std::uint64_t sessions = 0;
  std::uint64_t requests = 0;
  std::uint64_t mutated = 0;
  std::uint64_t answers = 0;
  std::uint64_t errors = 0;
  std::uint64_t closed = 0;
  std::vector<std::string> wrong;
  std::array<std::uint64_t, QTFS_OP_END> succeeded{};
};

struct Slot {
  std::uint64_t seq = 0;
  bool busy = false;
  std::string last;
};

class Session {
public:
  Session(const Options &options, std::uint64_t seed, Totals &totals)
      : options_(options), random_(seed), totals_(totals)
  {
  }

  void run();

private:
  struct Place {
    Connection connection;
    bool crc;
  };

  bool join(std::uint16_t index);
  Request hello(std::uint16_t index, bool crc);
  bool greeted(Place &place);
  void step();
  void send(std::string frame);
  void send_request();
  void send_again();
  void take(const std::string &frame, bool crc);
  void take_all();
  bool answered();

  const Options &options_;
  Random random_;
  Totals &totals_;
  Objects objects_;
  std::map<std::uint16_t, Place> places_;
  std::vector<Slot> slots_;
  std::string client_;
  std::uint64_t epoch_ = 1;
  std::uint32_t max_data_ = QTFS_DATA_MIN;
};

Request Session::hello(std::uint16_t index, bool crc)
{
  Request request(QTFS_OP_HELLO);
  qtfs_hello body{};

  std::copy(client_.begin(), client_.end(), reinterpret_cast<char *>(body.client));
  body.epoch = le(__u64{epoch_});
  body.features = le(__u64{crc ? QTFS_FEATURE_CRC : 0});
  body.max_data = le(__u32{random_.chance(50) ? QTFS_DATA_MIN : QTFS_DATA_DEFAULT});
  body.slots = le(static_cast<__u32>(random_.chance(80) ? 64 : random_.boundary()));
  body.version = le(__u16{QTFS_VERSION});
  body.version_min = body.version;
  body.conn = le(__u16{index});
  body.flags = le(static_cast<__u16>(slots_.empty() ? 0 : random_.below(2)));
  request.body = bytes_of(body);
  request.name[0] = "fuzz";
  return request;
}

// Takes the answer to HELLO. False: there is no session by this connection.
bool Session::greeted(Place &place)
{
  const Deadline deadline(std::chrono::milliseconds(answer_limit_ms * slow()));

  while (place.connection.receive(100) && !deadline.over()) {
    const auto frame = place.connection.frame();
    if (!frame)
      continue;
    const auto hdr = value_of<qtfs_hdr>(*frame);
    const auto rep = value_of<qtfs_hello_rep>(std::string_view(*frame).substr(sizeof(hdr)));
    if (const std::string wrong = judge_reply(*frame, QTFS_DATA_MIN, false); !wrong.empty())
      totals_.wrong.push_back("HELLO was answered with a bad " + wrong);
    if (hdr.status || le(hdr.op) != QTFS_OP_HELLO)
      return false;
    place.crc = le(rep.features) & QTFS_FEATURE_CRC;
    max_data_ = le(rep.max_data);
    slots_.resize(le(rep.slots));
    return true;
  }
  return false;
}

bool Session::join(std::uint16_t index)
{
  Place place{Connection(dial(options_.address, options_.port)), false};
  const bool crc = random_.chance(30);
  std::string frame;

  if (!place.connection.good())
    return false;
  if (random_.chance(3)) {
    frame = Request(QTFS_OP_AUTH).encode();
    frame += random_.bytes(random_.below(200));
    place.connection.send(frame);
  }
  frame = hello(index, crc).encode();
  if (random_.chance(options_.wrong))
    mutate(random_, frame);
  totals_.requests++;
  if (!place.connection.send(frame) || !greeted(place))
    return false;
  places_.insert_or_assign(index, std::move(place));
  return true;
}

void Session::send(std::string frame)
{
  auto place = places_.begin();

  std::advance(place, random_.below(places_.size()));
  if (random_.chance(options_.wrong)) {
    mutate(random_, frame);
    totals_.mutated++;
  }
  if (place->second.crc && random_.chance(98))
    seal(frame);
  totals_.requests++;
  place->second.connection.send(frame);
}

void Session::send_request()
{
  Request request = any_request(random_, objects_, max_data_);
  const bool one_way = qtfs_op_info(request.op())->flags & QTFS_ONE_WAY;
  const auto index = static_cast<std::size_t>(random_.below(slots_.size()));
  Slot &slot = slots_[index];

  if (request.op() == QTFS_OP_PING && random_.chance(50))
    return send(request.encode());
  if (!one_way) {
    if (slot.busy && random_.chance(97))
      return;
    request.hdr.slot = le(static_cast<__u32>(index));
    request.hdr.seq = le(__u64{random_.chance(99) ? slot.seq + 1 : random_.boundary()});
    slot.seq = le(request.hdr.seq);
    slot.busy = true;
  }
  slot.last = request.encode();
  send(slot.last);
}

// As after a lost connection: the answer may be known, the request under way or overtaken.
void Session::send_again()
{
  const Slot &slot = random_.pick(slots_);

  if (!slot.last.empty())
    send(slot.last);
}

void Session::take(const std::string &frame, bool crc)
{
  const auto hdr = value_of<qtfs_hdr>(frame);
  const std::string wrong = judge_reply(frame, max_data_, crc);
  const std::uint32_t index = le(hdr.slot);

  if (!wrong.empty())
    totals_.wrong.push_back("operation " + std::to_string(le(hdr.op)) + ": bad " + wrong);
  if (index < slots_.size() && slots_[index].seq == le(hdr.seq))
    slots_[index].busy = false;
  if (le(hdr.op) == QTFS_OP_NOTIFY)
    return;
  totals_.answers++;
  if (hdr.status)
    totals_.errors++;
  else if (le(hdr.op) < QTFS_OP_END)
    totals_.succeeded[le(hdr.op)]++;
  objects_.learn(frame);
}

void Session::take_all()
{
  for (auto place = places_.begin(); place != places_.end();) {
    Connection &connection = place->second.connection;
    connection.receive(0);
    while (const auto frame = connection.frame())
      take(*frame, place->second.crc);
    if (connection.lost())
      totals_.wrong.emplace_back("what came is no frame");
    if (connection.good()) {
      ++place;
      continue;
    }
    totals_.closed++;
    place = places_.erase(place);
  }
}

// Whether a slot is free, at the latest after a while.
bool Session::answered()
{
  const Deadline deadline(std::chrono::milliseconds(answer_limit_ms * slow()));

  for (;;) {
    const auto busy =
      std::count_if(slots_.begin(), slots_.end(), [](const Slot &slot) { return slot.busy; });
    if (static_cast<std::size_t>(busy) <= slots_.size() / 2)
      return true;
    if (deadline.over() || places_.empty())
      return false;
    places_.begin()->second.connection.receive(20);
    take_all();
  }
}

void Session::step()
{
  const std::uint64_t what = random_.below(1000);

  if (what < 3 && places_.size() < connections_max) {
    join(static_cast<std::uint16_t>(random_.below(connections_max)));
  } else if (what < 5) {
    places_.erase(places_.begin());
  } else if (what < 30) {
    send_again();
  } else if (what < 32) {
    objects_.forget_some(random_);
  } else if (what < 33) {
    epoch_ += random_.below(2);
    objects_.clear();
  } else {
    send_request();
  }
}

void Session::run()
{
  client_ = random_.bytes(sizeof(qtfs_hello::client));
  totals_.sessions++;
  if (!join(0))
    return;
  Request attach(QTFS_OP_ATTACH);
  attach.name[0] = options_.directory;
  attach.req.caps = ~0ull;
  attach.hdr.slot = 0;
  attach.hdr.seq = le(__u64{slots_[0].seq = 1});
  std::string frame = attach.encode();
  if (places_.begin()->second.crc)
    seal(frame);
  places_.begin()->second.connection.send(frame);
  places_.begin()->second.connection.receive(answer_limit_ms * slow());

  for (std::uint64_t n = random_.between(20, 400); n; n--) {
    take_all();
    if (places_.empty() && !join(static_cast<std::uint16_t>(random_.below(connections_max))))
      break;
    step();
    if (!answered())
      break;
  }
  if (random_.chance(70) && !places_.empty())
    answered();
}

void tell(const Totals &totals)
{
  std::string succeeded;

  for (unsigned op = 1; op < QTFS_OP_END; op++)
    if (totals.succeeded[op])
      succeeded +=
        std::string(" ") + qtfs_op_info(op)->name + " " + std::to_string(totals.succeeded[op]);
  std::printf("%llu requests, %llu of them mutated, in %llu sessions; %llu answers, %llu errors; "
              "%llu connections closed\nsucceeded:%s\n",
              static_cast<unsigned long long>(totals.requests),
              static_cast<unsigned long long>(totals.mutated),
              static_cast<unsigned long long>(totals.sessions),
              static_cast<unsigned long long>(totals.answers),
              static_cast<unsigned long long>(totals.errors),
              static_cast<unsigned long long>(totals.closed), succeeded.c_str());
  for (std::size_t i = 0; i < std::min<std::size_t>(totals.wrong.size(), 10); i++)
    std::printf("wrong: %s\n", totals.wrong[i].c_str());
}

} // namespace

int hostile_client(const Options &options)
{
  const Deadline deadline(options.time);
  Totals totals;

  for (std::uint64_t seed = options.seed; !deadline.over(); seed++) {
    std::printf("session %llu\n", static_cast<unsigned long long>(seed));
    std::fflush(stdout);
    Session(options, seed, totals).run();
  }
  tell(totals);
  return totals.wrong.empty() && totals.answers ? 0 : 1;
}

} // namespace qtfs::fuzz
