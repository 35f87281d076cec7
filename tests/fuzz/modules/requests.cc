// SPDX-License-Identifier: GPL-2.0

#include "requests.hh"

#include <algorithm>
#include <sys/stat.h>

#include "bytes.hh"

namespace qtfs::fuzz {

namespace {

using Names = std::array<const char *, 16>;

// Few, so that operations meet.
constexpr Names names = {"f0", "f1", "f2", "f3", "d0", "d1", "d2", "l0",
                         "l1", "p0", "p1", "s0", "c0", "f4", "f5", "absent"};
constexpr std::array<const char *, 7> xattrs = {"user.a",
                                                "user.b",
                                                "trusted.a",
                                                "security.capability",
                                                "system.posix_acl_access",
                                                "system.posix_acl_default",
                                                "user."};
constexpr std::array<const char *, 6> paths = {"/", "/d0", "/d0/d1", "/l0", "/../..", "/f0"};
constexpr std::size_t objects_max = 256;

std::uint32_t le32(std::uint64_t value)
{
  return le(static_cast<__u32>(value));
}

std::uint64_t le64(std::uint64_t value)
{
  return le(__u64{value});
}

std::string component(Random &random)
{
  if (random.chance(97))
    return random.pick(names);
  std::string name;
  name.resize(random.between(1, QTFS_NAME_MAX), 'n');
  return name;
}

std::string name_of_kind(Random &random, unsigned kind)
{
  switch (kind) {
  case QTFS_NAME_COMPONENT:
    return component(random);
  case QTFS_NAME_PATH:
    return random.pick(paths);
  case QTFS_NAME_TARGET:
    return random.chance(90) ? component(random)
                             : std::string(random.between(1, QTFS_PATH_MAX), 't');
  case QTFS_NAME_XATTR:
    return random.pick(xattrs);
  default:
    return {};
  }
}

// Where in a file: near its beginning, near pages' ends, anywhere.
std::uint64_t offset(Random &random)
{
  if (random.chance(60))
    return random.below(100'000);
  return random.chance(80) ? random.below(64) * 4096 + random.below(3) - 1 : random.boundary();
}

std::uint32_t size(Random &random)
{
  const std::uint64_t n = random.chance(80) ? random.below(70'000) : random.boundary();

  return le32(n);
}

std::uint32_t some_bits(Random &random, std::uint32_t all)
{
  return le32(random.bits() & random.bits() & all);
}

qtfs_time some_time(Random &random)
{
  return {.sec = le64(random.chance(50) ? random.below(2'000'000'000) : random.boundary()),
          .nsec = le32(random.below(1'000'000'000)),
          .reserved = 0};
}

std::uint32_t mode(Random &random)
{
  return le32(random.below(07777 + 1));
}

qtfs_setattr set_attributes(Random &random)
{
  return {.size = le64(offset(random)),
          .atime = some_time(random),
          .mtime = some_time(random),
          .valid = some_bits(random, QTFS_SET_ALL),
          .mode = mode(random),
          .uid = le32(random.below(3) * 1000),
          .gid = le32(random.below(3) * 1000)};
}

qtfs_mknod make_node(Random &random)
{
  constexpr std::array<std::uint32_t, 6> kinds = {S_IFREG, S_IFIFO, S_IFSOCK, S_IFCHR, S_IFBLK, 0};

  return {.mode = le32(random.pick(kinds) | random.below(07777 + 1)),
          .rdev = le32(1 << 20 | random.below(10))};
}

qtfs_lock lock(Random &random)
{
  constexpr std::array<std::uint32_t, 8> flags = {0,
                                                  QTFS_LOCK_WAIT,
                                                  QTFS_LOCK_FLOCK,
                                                  QTFS_LOCK_FLOCK | QTFS_LOCK_WAIT,
                                                  QTFS_LOCK_OFD | QTFS_LOCK_WAIT,
                                                  QTFS_LOCK_TEST,
                                                  QTFS_LOCK_CANCEL,
                                                  QTFS_LOCK_RECLAIM};
  const std::uint64_t start = random.below(100);

  return {.owner = le64(random.below(4)),
          .start = le64(random.chance(95) ? start : random.boundary()),
          .end = le64(random.chance(80) ? start + random.below(50) : random.boundary()),
          .wait = le64(random.below(20)),
          .flags = random.chance(90) ? le32(random.pick(flags)) : some_bits(random, QTFS_LOCK_ALL),
          .type = le32(random.below(3)),
          .pid = le32(random.below(1000)),
          .reserved = 0};
}

// Signal 0: the machine has to be there afterwards.
qtfs_process process(Random &random)
{
  qtfs_process body = {};
  const auto what = static_cast<__u32>(random.between(1, QTFS_PROCESS_SET_LIMIT));

  body.what = le32(what);
  if (what == QTFS_PROCESS_KILL_GROUP)
    body.group = le32(random.between(2, 40'000));
  if (what >= QTFS_PROCESS_GET_LIMIT)
    body.arg = le32(random.below(18));
  if (what == QTFS_PROCESS_SET_LIMIT)
    body.hard = le64(random.boundary());
  if (what == QTFS_PROCESS_SET_CPUS)
    body.cpus[0] = static_cast<__u8>(random.bits());
  return body;
}

qtfs_fileattr flags_of_file(Random &random)
{
  return {.valid = le32(random.between(1, 2)),
          // Neither append-only nor immutable: the test has to remove them.
          .flags = le32(random.bits() & ~0x30u),
          .xflags = le32(random.bits() & ~0x18u),
          .extsize = le32(random.below(5)),
          .nextents = 0,
          .projid = le32(random.below(3)),
          .cowextsize = 0,
          .reserved = 0};
}

std::string body_of(Random &random, unsigned op, const Objects &objects)
{
  const auto flags = [&](std::uint32_t all) { return some_bits(random, all); };

  switch (op) {
  case QTFS_OP_SETATTR:
    return bytes_of(set_attributes(random));
  case QTFS_OP_MKDIR:
    return bytes_of(qtfs_mkdir{.mode = mode(random), .reserved = 0});
  case QTFS_OP_MKNOD:
    return bytes_of(make_node(random));
  case QTFS_OP_RENAME:
    return bytes_of(qtfs_rename{.flags = flags(7), .reserved = 0});
  case QTFS_OP_OPEN:
  case QTFS_OP_CREATE:
  case QTFS_OP_TMPFILE:
    return bytes_of(
      qtfs_open{.flags = le32((flags(QTFS_O_MASK) & ~3u) | random.below(4)), .mode = mode(random)});
  case QTFS_OP_OPEN_NAME:
    return bytes_of(qtfs_open_name{.flags = le32(random.below(4)), .size = size(random)});
  case QTFS_OP_OPEN_DIR:
    return bytes_of(qtfs_open_dir{.flags = le32(random.below(2) * QTFS_O_DIRECTORY),
                                  .size = size(random),
                                  .list = flags(QTFS_READDIR_ENTRIES),
                                  .reserved = 0});
  case QTFS_OP_OPEN_FIFO:
    return bytes_of(
      qtfs_open_fifo{.wait = le64(random.below(20)),
                     .flags = le32(random.below(3) | random.below(2) * QTFS_O_NONBLOCK),
                     .step = le32(random.below(3))});
  case QTFS_OP_READ:
    return bytes_of(qtfs_read{.offset = le64(offset(random)), .size = size(random), .reserved = 0});
  case QTFS_OP_WRITE:
    return bytes_of(
      qtfs_write{.offset = le64(offset(random)), .flags = flags(QTFS_WRITE_ALL), .reserved = 0});
  case QTFS_OP_READDIR:
    return bytes_of(qtfs_readdir{.cookie = le64(random.chance(70) ? 0 : random.boundary()),
                                 .size = size(random),
                                 .flags = le32(random.below(2))});
  case QTFS_OP_FSYNC:
    return bytes_of(qtfs_fsync{.flags = le32(random.below(2)), .reserved = 0});
  case QTFS_OP_GETXATTR:
  case QTFS_OP_LISTXATTR:
    return bytes_of(qtfs_getxattr{.size = size(random), .reserved = 0});
  case QTFS_OP_SETXATTR:
    return bytes_of(qtfs_setxattr{.flags = le32(random.below(4)), .reserved = 0});
  case QTFS_OP_FALLOCATE:
    return bytes_of(qtfs_fallocate{.offset = le64(offset(random)),
                                   .len = le64(offset(random)),
                                   .mode = some_bits(random, 0x7f),
                                   .reserved = 0});
  case QTFS_OP_LSEEK:
    return bytes_of(
      qtfs_lseek{.offset = le64(offset(random)), .whence = le32(random.below(6)), .reserved = 0});
  case QTFS_OP_CANCEL:
    return bytes_of(
      qtfs_cancel{.seq = le64(random.below(50)), .slot = le32(random.below(70)), .reserved = 0});
  case QTFS_OP_LOCK:
    return bytes_of(lock(random));
  case QTFS_OP_FILEATTR_SET:
    return bytes_of(flags_of_file(random));
  case QTFS_OP_COPY:
    return bytes_of(qtfs_copy{.from = le64(objects.open(random)),
                              .from_offset = le64(offset(random)),
                              .offset = le64(offset(random)),
                              .len = le64(offset(random)),
                              .flags = le32(random.below(3)),
                              .reserved = 0});
  case QTFS_OP_POLL:
    return bytes_of(qtfs_poll{.events = le32(random.bits()), .flags = le32(random.below(2))});
  case QTFS_OP_FIND:
    return bytes_of(qtfs_find{.ino = le64(random.below(100)),
                              .dev = le32(random.boundary()),
                              .gen = le32(random.bits()),
                              .type = le32(random.below(16) << 12),
                              .reserved = 0,
                              .handle = {.len = static_cast<__u8>(random.below(12) * 4),
                                         .type = static_cast<__u8>(random.bits()),
                                         .reserved = {},
                                         .bytes = {}}});
  case QTFS_OP_PROCESS:
    return bytes_of(process(random));
  case QTFS_OP_ECHO:
    return bytes_of(qtfs_echo{.size = size(random), .reserved = 0});
  default:
    return random.bytes(qtfs_op_info(op)->req_body);
  }
}

std::string data_of(Random &random, unsigned op, const Objects &objects, std::uint32_t max_data)
{
  std::string data;

  if (op == QTFS_OP_FORGET) {
    for (std::uint64_t n = random.below(8); n; n--)
      data += bytes_of(le(__u64{objects.node(random)}));
    return data;
  }
  const std::uint64_t n = random.chance(90) ? random.below(5000) : random.below(max_data + 1);
  return random.bytes(n);
}

// Most of what is asked is about files: what ends a session is rare.
unsigned any_operation(Random &random)
{
  for (;;) {
    const auto op = static_cast<unsigned>(random.between(1, QTFS_OP_END - 1));
    const auto &info = *qtfs_op_info(op);

    if (info.flags & (QTFS_HANDSHAKE | QTFS_FROM_SERVER))
      continue;
    if (op == QTFS_OP_BYE || op == QTFS_OP_ATTACH || op == QTFS_OP_FORGET || op == QTFS_OP_SYNCFS)
      return random.chance(10) ? op : unsigned{QTFS_OP_LOOKUP};
    if (op == QTFS_OP_UNLINK || op == QTFS_OP_RMDIR || op == QTFS_OP_RELEASE)
      return random.chance(50) ? op : unsigned{QTFS_OP_CREATE};
    return op;
  }
}

bool in_directory(const struct qtfs_op_info &info, unsigned op)
{
  return info.name_kind[0] == QTFS_NAME_COMPONENT || op == QTFS_OP_TMPFILE || op == QTFS_OP_FIND;
}

} // namespace

void Objects::add_node(std::uint64_t number, std::uint32_t mode)
{
  if (!number || nodes_.size() >= objects_max)
    return;
  nodes_.push_back(number);
  if (S_ISDIR(mode))
    directories_.push_back(number);
}

void Objects::learn(std::string_view reply)
{
  const auto hdr = value_of<qtfs_hdr>(reply);
  const std::string_view body = reply.substr(sizeof(hdr));
  const unsigned op = le(hdr.op);
  const auto *info = qtfs_op_info(op);

  if (hdr.status || !info)
    return;
  if (info->rep_body == sizeof(qtfs_entry_rep) && op != QTFS_OP_COPY) {
    const auto rep = value_of<qtfs_entry_rep>(body);
    add_node(le(rep.node), le(rep.attr.mode));
  } else if (info->rep_body == sizeof(qtfs_open_rep)) {
    const auto rep = value_of<qtfs_open_rep>(body);
    add_node(le(rep.node), le(rep.attr.mode));
    if (rep.open && opens_.size() < objects_max)
      opens_.push_back(le(rep.open));
  }
}

void Objects::forget_some(Random &random)
{
  for (auto *list : {&nodes_, &directories_, &opens_})
    if (list->size() > objects_max / 2)
      list->erase(list->begin(), list->begin() + static_cast<long>(random.below(objects_max / 2)));
}

void Objects::clear()
{
  nodes_.clear();
  directories_.clear();
  opens_.clear();
}

namespace {

std::uint64_t one_of(Random &random, const std::vector<std::uint64_t> &list)
{
  if (list.empty() || random.chance(2))
    return random.bits() | 1;
  return random.pick(list);
}

} // namespace

std::uint64_t Objects::node(Random &random) const
{
  return one_of(random, nodes_);
}

std::uint64_t Objects::directory(Random &random) const
{
  return one_of(random, directories_);
}

std::uint64_t Objects::open(Random &random) const
{
  return one_of(random, opens_);
}

Request any_request(Random &random, const Objects &objects, std::uint32_t max_data)
{
  const unsigned op = any_operation(random);
  const auto &info = *qtfs_op_info(op);
  Request request(op);

  const auto object = [&] {
    return le64(in_directory(info, op) ? objects.directory(random) : objects.node(random));
  };
  if (info.flags & QTFS_HAS_NODE)
    request.req.node = object();
  if ((info.flags & QTFS_HAS_NODE2) || ((info.flags & QTFS_MAY_NODE2) && random.chance(30)))
    request.req.node2 = op == QTFS_OP_RENAME ? object() : le64(objects.node(random));
  if ((info.flags & QTFS_HAS_OPEN) || ((info.flags & QTFS_MAY_OPEN) && random.chance(30)))
    request.req.open = le64(objects.open(random));

  const bool root = random.chance(85);
  request.req.uid = le32(root ? 0 : random.chance(90) ? 1000 : random.boundary());
  request.req.gid = le32(root ? 0 : 1000);
  request.req.caps = root ? ~0ull : random.bits();
  request.req.umask = le(__u16{022});
  request.req.pid = le32(random.below(70'000));
  if (random.chance(10))
    request.groups = random.bytes(4 * (random.chance(98) ? random.below(20) : QTFS_GROUPS_MAX));
  request.body = body_of(random, op, objects);
  request.name[0] = name_of_kind(random, info.name_kind[0]);
  request.name[1] = name_of_kind(random, info.name_kind[1]);
  if (info.flags & QTFS_DATA_OUT)
    request.data = data_of(random, op, objects, max_data);
  return request;
}

} // namespace qtfs::fuzz
