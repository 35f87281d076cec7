// SPDX-License-Identifier: GPL-2.0

#include "frame.hh"

#include <cstddef>

#include "bytes.hh"

namespace qtfs::fuzz {

namespace {

constexpr std::array<std::uint32_t, 256> crc_table = [] {
  std::array<std::uint32_t, 256> table{};

  for (std::uint32_t i = 0; i < table.size(); i++) {
    std::uint32_t crc = i;
    for (int bit = 0; bit < 8; bit++)
      crc = crc & 1 ? crc >> 1 ^ 0x82f63b78u : crc >> 1;
    table[i] = crc;
  }
  return table;
}();

std::uint32_t crc32c(std::string_view bytes)
{
  std::uint32_t crc = ~0u;

  for (const char byte : bytes)
    crc = crc >> 8 ^ crc_table[(crc ^ static_cast<unsigned char>(byte)) & 0xff];
  return ~crc;
}

std::uint32_t sum_of(std::string frame)
{
  std::memset(frame.data() + offsetof(qtfs_hdr, crc), 0, sizeof(qtfs_hdr::crc));
  return crc32c(frame);
}

bool zero(std::string_view bytes)
{
  return bytes.find_first_not_of('\0') == std::string_view::npos;
}

bool clean(const qtfs_attr &attr)
{
  return !attr.atime.reserved && !attr.mtime.reserved && !attr.ctime.reserved &&
         !attr.btime.reserved;
}

// Bytes that mean nothing must be zero: else they are what was in the memory before.
std::string judge_row(std::string_view data)
{
  while (!data.empty()) {
    const auto left = static_cast<std::uint32_t>(data.size());
    const std::uint32_t size = qtfs_dirent_size(data.data(), left);
    if (!size)
      return "a broken directory entry";
    const auto entry = value_of<qtfs_dirent>(data);
    const std::size_t end = sizeof(entry) + le(entry.name_len);
    if (!zero(data.substr(end, (8 - end % 8) % 8)) ||
        !zero({reinterpret_cast<const char *>(entry.reserved), sizeof(entry.reserved)}))
      return "padding of a directory entry";
    data.remove_prefix(size);
  }
  return {};
}

std::string judge_events(std::string_view data)
{
  while (!data.empty()) {
    const auto event = value_of<qtfs_event>(data);
    const std::size_t end = sizeof(event) + le(event.name_len);
    const std::size_t size = (end + 7) / 8 * 8;
    if (data.size() < sizeof(event) || size > data.size() || le(event.name_len) > QTFS_NAME_MAX)
      return "a broken event";
    if (!zero(data.substr(end, size - end)))
      return "padding of an event";
    data.remove_prefix(size);
  }
  return {};
}

std::string judge_body(unsigned op, std::string_view body)
{
  switch (op) {
  case QTFS_OP_ATTACH:
  case QTFS_OP_LOOKUP:
  case QTFS_OP_FIND:
  case QTFS_OP_MKDIR:
  case QTFS_OP_MKNOD:
  case QTFS_OP_SYMLINK:
  case QTFS_OP_LINK:
    return clean(value_of<qtfs_entry_rep>(body).attr) ? "" : "attributes";
  case QTFS_OP_GETATTR:
  case QTFS_OP_SETATTR:
  case QTFS_OP_FALLOCATE:
    return clean(value_of<qtfs_attr>(body)) ? "" : "attributes";
  case QTFS_OP_OPEN:
  case QTFS_OP_CREATE:
  case QTFS_OP_TMPFILE:
  case QTFS_OP_OPEN_NAME:
  case QTFS_OP_OPEN_DIR:
  case QTFS_OP_OPEN_FIFO: {
    const auto rep = value_of<qtfs_open_rep>(body);
    return !rep.reserved && clean(rep.attr) ? "" : "an open's reserved fields";
  }
  case QTFS_OP_WRITE: {
    const auto rep = value_of<qtfs_write_rep>(body);
    return !rep.reserved && clean(rep.attr) ? "" : "a write's reserved fields";
  }
  case QTFS_OP_LOCK: {
    const auto rep = value_of<qtfs_lock_rep>(body);
    return !rep.reserved && clean(rep.attr) ? "" : "a lock's reserved fields";
  }
  case QTFS_OP_GETXATTR:
  case QTFS_OP_LISTXATTR:
    return value_of<qtfs_getxattr_rep>(body).reserved ? "an attribute's reserved field" : "";
  case QTFS_OP_POLL:
    return value_of<qtfs_poll_rep>(body).reserved ? "a poll's reserved field" : "";
  case QTFS_OP_FILEATTR_GET:
    return value_of<qtfs_fileattr>(body).reserved ? "a flag's reserved field" : "";
  default:
    return {};
  }
}

} // namespace

Request::Request(unsigned op)
{
  qtfs_hdr_init(&hdr, op, 0);
}

unsigned Request::op() const
{
  return le(hdr.op);
}

std::string Request::encode() const
{
  const std::string args = body + groups + name[0] + name[1] + data;
  qtfs_hdr h = hdr;
  qtfs_req r = req;

  h.len = le(static_cast<__u32>(sizeof(h) + sizeof(r) + args.size()));
  h.data_len = le(static_cast<__u32>(data.size()));
  h.body_len = le(static_cast<__u16>(body.size()));
  r.ngroups = le(static_cast<__u32>(groups.size() / 4));
  r.name_len[0] = le(static_cast<__u16>(name[0].size()));
  r.name_len[1] = le(static_cast<__u16>(name[1].size()));
  return bytes_of(h) + bytes_of(r) + args;
}

Reply::Reply(const qtfs_hdr &to)
{
  hdr = to;
  hdr.flags = le(__u16{QTFS_FRAME_REPLY});
  hdr.crc = 0;
}

std::string Reply::encode() const
{
  qtfs_hdr h = hdr;

  h.len = le(static_cast<__u32>(sizeof(h) + body.size() + data.size()));
  h.data_len = le(static_cast<__u32>(data.size()));
  h.body_len = le(static_cast<__u16>(body.size()));
  return bytes_of(h) + body + data;
}

void seal(std::string &frame)
{
  if (frame.size() < sizeof(qtfs_hdr))
    return;
  const __u32 sum = le(sum_of(frame));
  std::memcpy(frame.data() + offsetof(qtfs_hdr, crc), &sum, sizeof(sum));
}

std::string judge_reply(std::string_view frame, std::uint32_t max_data, bool crc)
{
  const auto hdr = value_of<qtfs_hdr>(frame);
  const enum qtfs_frame_error bad = qtfs_check_hdr(&hdr, 1, max_data);

  if (bad != QTFS_FRAME_OK)
    return qtfs_frame_strerror(bad);
  if (crc && le(hdr.crc) != sum_of(std::string(frame)))
    return "checksum";
  if (hdr.status)
    return {};
  const std::string_view body = frame.substr(sizeof(hdr), le(hdr.body_len));
  const std::string_view data = frame.substr(sizeof(hdr) + body.size());
  if (le(hdr.op) == QTFS_OP_READDIR)
    return judge_row(data);
  if (le(hdr.op) == QTFS_OP_NOTIFY)
    return judge_events(data);
  return judge_body(le(hdr.op), body);
}

} // namespace qtfs::fuzz
