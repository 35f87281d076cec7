// SPDX-License-Identifier: GPL-2.0
//
// The audit log: a line of JSON for each operation that changes something, or
// was refused or failed to.
//
//	time session client uid gid pid op path path2 result
//
// path2 is the new name of RENAME and the file of LINK.  OPEN is told of if it
// allows writing: what is then written to an ordinary file does not pass through
// the engine.
//
// Requests never wait for the log.  Workers leave records in a queue, a thread of
// its own writes them; when the queue is full, records are dropped, and a line
// {"dropped": N} says how many.

#ifndef QTFS_ENGINE_AUDIT_HH
#define QTFS_ENGINE_AUDIT_HH

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "fd.hh"
#include "result.hh"
#include "slot.hh"

namespace qtfs::engine {

class Audit {
public:
  static constexpr std::size_t capacity = 4096; // records that wait to be written

  // Appends to @file, which is made for root alone.  The error is a sentence.
  static Result<std::unique_ptr<Audit>, std::string> open(const std::string &file);

  explicit Audit(Fd fd);
  Audit(const Audit &) = delete;
  ~Audit(); // writes what is left

  // The request in the slot has been executed.  On any thread.
  void record(Slot &slot);

private:
  struct Record {
    std::chrono::system_clock::time_point time;
    std::uint64_t session;
    std::uint32_t uid;
    std::uint32_t gid;
    std::uint32_t pid;
    unsigned op;
    std::string path;
    std::string path2;
    unsigned result;
  };

  static Record make_record(Slot &slot);
  void run();
  std::string line(const Record &record);
  const std::string &client(std::uint64_t session);
  void write(const std::string &text);

  Fd fd_;
  std::map<std::uint64_t, std::string> clients_; // the writer's
  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<Record> queue_;
  std::uint64_t dropped_ = 0; // since the last line that said so
  bool ending_ = false;
  std::thread thread_;
};

// Whether the request in the slot is one of those.
bool is_audited(Slot &slot);

// @text with each byte that is no part of UTF-8 as "\xNN".
std::string valid_utf8(const std::string &text);

} // namespace qtfs::engine

#endif
