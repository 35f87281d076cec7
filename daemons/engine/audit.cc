// SPDX-License-Identifier: GPL-2.0

#include "audit.hh"

#include <algorithm>
#include <cstring>
#include <fcntl.h>
#include <fmt/chrono.h>
#include <fmt/format.h>
#include <fstream>
#include <sys/stat.h>

#include "abi.hh"
#include "bytes.hh"
#include "json.hh"
#include "policy.hh"
#include "write_all.hh"

namespace qtfs::engine {

namespace {

constexpr std::size_t most_clients = 256; // names that are remembered

// The length of the character at the beginning of @text; 0: it isn't one.
std::size_t utf8_length(std::string_view text)
{
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char first = byte(0);
  const std::size_t length = first < 0x80                    ? 1
                             : first >= 0xc2 && first < 0xe0 ? 2
                             : first >= 0xe0 && first < 0xf0 ? 3
                             : first >= 0xf0 && first < 0xf5 ? 4
                                                             : 0;

  if (length == 0 || length > text.size())
    return 0;
  for (std::size_t i = 1; i < length; i++)
    if ((byte(i) & 0xc0) != 0x80)
      return 0;
  // Overlong forms, surrogates, and what lies behind the last character.
  if ((first == 0xe0 && byte(1) < 0xa0) || (first == 0xed && byte(1) > 0x9f) ||
      (first == 0xf0 && byte(1) < 0x90) || (first == 0xf4 && byte(1) > 0x8f))
    return 0;
  return length;
}

std::string place(Slot &slot, unsigned which)
{
  if (slot.name(which).empty())
    return std::string(slot.path(which));
  return child_path(slot.path(which), slot.name(which));
}

} // namespace

std::string valid_utf8(const std::string &text)
{
  std::string valid;

  for (std::string_view rest = text; !rest.empty();) {
    const std::size_t length = utf8_length(rest);

    if (length)
      valid.append(rest.substr(0, length));
    else
      valid += fmt::format("\\x{:02x}", static_cast<unsigned char>(rest.front()));
    rest.remove_prefix(length ? length : 1);
  }
  return valid;
}

bool is_audited(Slot &slot)
{
  const struct qtfs_op_info *info = qtfs_op_info(slot.op());

  if (!info || !(info->flags & QTFS_CHANGES))
    return false;
  if (slot.op() == QTFS_OP_OPEN_FIFO)
    return (le(slot.body<qtfs_open_fifo>().flags) & QTFS_O_ACCMODE) != 0;
  if (slot.op() != QTFS_OP_OPEN)
    return true;
  const std::uint32_t flags = le(slot.body<qtfs_open>().flags);
  return (flags & QTFS_O_ACCMODE) != 0 || (flags & QTFS_O_TRUNC);
}

Result<std::unique_ptr<Audit>, std::string> Audit::open(const std::string &file)
{
  Fd fd(
    ::open(file.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, 0600));
  struct stat st;

  if (!fd || ::fstat(fd.get(), &st) != 0)
    return file + ": " + last_error().message();
  if (!S_ISREG(st.st_mode)) // others may keep the writer waiting, and the engine's end with it
    return file + ": not a regular file";
  return std::make_unique<Audit>(std::move(fd));
}

Audit::Audit(Fd fd) : fd_(std::move(fd)), thread_([this] { run(); }) {}

Audit::~Audit()
{
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    ending_ = true;
  }
  wake_.notify_one();
  thread_.join();
}

// LINK: name 0 is the new name in node, node2 the file.
Audit::Record Audit::make_record(Slot &slot)
{
  const qtfs_slot &raw = slot.raw();
  const bool link = slot.op() == QTFS_OP_LINK;

  return {std::chrono::system_clock::now(),
          raw.session,
          le(raw.req.uid),
          le(raw.req.gid),
          le(raw.req.pid),
          slot.op(),
          place(slot, 0),
          link                          ? std::string(slot.path(1))
          : slot.op() == QTFS_OP_RENAME ? place(slot, 1)
                                        : std::string(),
          raw.status};
}

void Audit::record(Slot &slot)
{
  if (!is_audited(slot))
    return;
  Record record = make_record(slot);
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (queue_.size() >= capacity) {
      dropped_++;
      return;
    }
    queue_.push_back(std::move(record));
  }
  wake_.notify_one();
}

void Audit::run()
{
  std::unique_lock<std::mutex> lock(mutex_);

  for (;;) {
    wake_.wait(lock, [this] { return ending_ || !queue_.empty(); });
    if (queue_.empty() && dropped_ == 0)
      return; // it is ending
    std::deque<Record> records;
    records.swap(queue_);
    const std::uint64_t dropped = std::exchange(dropped_, 0);
    lock.unlock();

    std::string text;
    for (const Record &record : records)
      text += line(record);
    if (dropped)
      text += fmt::format("{{\"dropped\":{}}}\n", dropped);
    write(text);
    lock.lock();
  }
}

// Who it was that the session belongs to, as the client has said.
const std::string &Audit::client(std::uint64_t session)
{
  if (clients_.size() > most_clients)
    clients_.clear();
  const auto [entry, is_new] = clients_.try_emplace(session);

  if (is_new) {
    std::ifstream file(fmt::format("/sys/fs/qtfs_server/{}/client", session));
    std::string number, epoch;
    file >> number >> epoch >> std::ws;
    std::getline(file, entry->second);
  }
  return entry->second;
}

std::string Audit::line(const Record &record)
{
  using namespace std::chrono;
  const auto ms = duration_cast<milliseconds>(record.time.time_since_epoch()) % 1000;
  Json json = Json::object();

  json.set("time", fmt::format("{:%Y-%m-%dT%H:%M:%S}.{:03}Z",
                               fmt::gmtime(system_clock::to_time_t(record.time)), ms.count()));
  json.set("session", record.session).set("client", client(record.session));
  json.set("uid", record.uid).set("gid", record.gid).set("pid", record.pid);
  json.set("op", qtfs_op_info(record.op)->name).set("path", valid_utf8(record.path));
  if (!record.path2.empty())
    json.set("path2", valid_utf8(record.path2));
  const char *name = record.result ? ::strerrorname_np(static_cast<int>(record.result)) : "OK";
  json.set("result", name ? std::string(name) : std::to_string(record.result));
  return json.line() + "\n";
}

// What can't be written is dropped: there is nobody to tell but the reader.
void Audit::write(const std::string &text)
{
  if (!write_all(fd_.get(), text))
    return;
  const auto lines = static_cast<std::uint64_t>(std::count(text.begin(), text.end(), '\n'));
  const std::lock_guard<std::mutex> lock(mutex_);
  dropped_ += ending_ ? 0 : lines;
}

} // namespace qtfs::engine
