// SPDX-License-Identifier: GPL-2.0

#include "answers.hh"

#include <algorithm>
#include <functional>
#include <sys/stat.h>

#include "bytes.hh"

namespace qtfs::fuzz {

namespace {

constexpr std::string_view kinds = "dflpscun";
constexpr std::uint64_t files = 61;
constexpr std::uint32_t device = 8 << 20 | 1;
constexpr std::uint64_t root_number = 0x10;

// A number says which file it stands for: its inode, and the letter of its kind.
std::uint64_t number_of(std::uint64_t ino, char kind)
{
  return ino << 4 | kinds.find(kind);
}

char kind_of(std::uint64_t number)
{
  return (number & 15) < kinds.size() ? kinds[number & 15] : 'f';
}

std::uint32_t mode_of(char kind)
{
  switch (kind) {
  case 'd':
    return S_IFDIR | 0755;
  case 'l':
    return S_IFLNK | 0777;
  case 'p':
    return S_IFIFO | 0666;
  case 's':
    return S_IFSOCK | 0777;
  case 'c':
    return S_IFCHR | 0666;
  default:
    return S_IFREG | 0644;
  }
}

std::uint64_t size_of(std::uint64_t number)
{
  return number * 0x9e3779b97f4a7c15u >> 47;
}

qtfs_attr attr_of(Random &random, std::uint64_t number)
{
  const char kind = kind_of(number);
  qtfs_attr attr{};

  attr.ino = le(__u64{number >> 4});
  attr.size = le(__u64{kind == 'f' ? size_of(number) : 0});
  attr.blocks = le(__u64{8});
  attr.mtime.sec = le(__u64{random.chance(90) ? 1'700'000'000 : random.below(2'000'000'000)});
  attr.ctime = attr.mtime;
  attr.dev = le(static_cast<__u32>(random.chance(95) ? device : device + random.below(20)));
  attr.gen = le(static_cast<__u32>(random.chance(95) ? 1 : random.below(4)));
  attr.mode = le(__u32{mode_of(kind)});
  attr.nlink = le(__u32{kind == 'd' ? 2u : 1u});
  attr.rdev = le(__u32{1 << 20 | 3});
  attr.blksize = le(__u32{4096});
  attr.flags = le(static_cast<__u32>(kind == 'u' ? QTFS_ATTR_UNCACHED : random.below(32)));
  attr.fstype = le(__u32{0xef53});
  return attr;
}

// Of a name in the directory @parent. 0: there is none.
std::uint64_t child(std::uint64_t parent, std::string_view name)
{
  if (name.empty() || name[0] == 'n')
    return 0;
  const char kind = kinds.find(name[0]) == std::string_view::npos ? 'f' : name[0];
  return number_of(2 + std::hash<std::string_view>{}(name) * (parent | 1) % files, kind);
}

// Of a file, or of its entry @name.
qtfs_event event_of(Random &random, std::string_view name = {})
{
  constexpr std::array<std::uint32_t, 6> masks = {0x2, 0x4, 0x40, 0x80, 0x100, 0x200};
  const std::uint64_t what = name.empty() ? QTFS_EVENT_INODE : QTFS_EVENT_NAME;
  qtfs_event event{};

  event.ino = le(__u64{random.chance(90) ? random.below(files + 3) : random.boundary()});
  event.dev = le(__u32{device});
  event.gen = le(__u32{1});
  event.mask = le(static_cast<__u32>(random.chance(80) ? random.pick(masks) : random.bits()));
  event.what = le(static_cast<__u16>(random.chance(90) ? what : random.below(32)));
  event.name_len = le(static_cast<__u16>(name.size()));
  return event;
}

// What a request has asked for.
class Answer {
public:
  Answer(Random &random, std::string_view request, const Agreed &agreed);
  std::string make();

private:
  template <typename T> T body() const { return value_of<T>(args_); }
  std::string name(unsigned which) const;
  std::uint64_t node() const { return le(req_.node); }
  std::uint64_t open() const { return le(req_.open); }

  std::string error(int number);
  std::string with(std::string body, std::string data = {});
  std::string entry(std::uint64_t number);
  std::string attributes(std::uint64_t number) { return with(bytes_of(attr_of(random_, number))); }
  std::string hello();
  std::string opened(std::uint64_t number, bool names_node, std::string data = {});
  std::string fifo();
  std::string read();
  std::string written();
  std::string row(std::uint64_t directory, const qtfs_readdir &asked);
  std::string opened_dir();
  std::string lock();
  std::string xattr();
  std::string by_name();
  std::string by_open();

  Random &random_;
  const Agreed &agreed_;
  qtfs_hdr hdr_;
  qtfs_req req_;
  std::string_view args_;
  Reply reply_;
};

Answer::Answer(Random &random, std::string_view request, const Agreed &agreed)
    : random_(random), agreed_(agreed), hdr_(value_of<qtfs_hdr>(request)),
      req_(value_of<qtfs_req>(request.substr(sizeof(hdr_)))),
      args_(request.substr(sizeof(hdr_) + sizeof(req_))), reply_(hdr_)
{
}

std::string Answer::name(unsigned which) const
{
  return {qtfs_args_name(&hdr_, &req_, args_.data(), which), le(req_.name_len[which])};
}

std::string Answer::error(int number)
{
  reply_.hdr.status = le(static_cast<__u32>(number));
  return reply_.encode();
}

std::string Answer::with(std::string body, std::string data)
{
  reply_.body = std::move(body);
  reply_.data = std::move(data);
  return reply_.encode();
}

std::string Answer::entry(std::uint64_t number)
{
  if (!number)
    return error(ENOENT);
  return with(
    bytes_of(qtfs_entry_rep{.node = le(__u64{number}), .attr = attr_of(random_, number)}));
}

std::string Answer::hello()
{
  const auto asked = body<qtfs_hello>();
  qtfs_hello_rep rep{};

  std::copy(agreed_.boot.begin(), agreed_.boot.end(), rep.boot);
  rep.session = le(__u64{agreed_.session});
  rep.max_data = le(std::min(agreed_.max_data, le(asked.max_data)));
  rep.slots = asked.slots;
  rep.version = le(__u16{QTFS_VERSION});
  rep.version_min = rep.version;
  // As of a server that was started again.
  if (asked.flags && random_.chance(15))
    reply_.hdr.status = le(__u32{ESTALE});
  return with(bytes_of(rep));
}

std::string Answer::opened(std::uint64_t number, bool names_node, std::string data)
{
  qtfs_open_rep rep{};

  if (!number)
    return error(ENOENT);
  rep.open = le(__u64{number});
  rep.node = names_node ? rep.open : 0;
  rep.flags =
    le(static_cast<__u32>(kind_of(number) == 'u' ? QTFS_OPENED_UNCACHED : random_.below(32) & ~8u));
  rep.attr = attr_of(random_, number);
  return with(bytes_of(rep), std::move(data));
}

std::string Answer::fifo()
{
  if (body<qtfs_open_fifo>().step == le(__u32{QTFS_FIFO_CANCEL}))
    return error(EINTR);
  if (random_.chance(60))
    return opened(node(), false);
  qtfs_open_rep rep = {};
  rep.flags = le(__u32{QTFS_OPENED_WAITING});
  return with(bytes_of(rep));
}

std::string Answer::read()
{
  const auto asked = body<qtfs_read>();
  const std::uint64_t size = size_of(open());
  const std::uint64_t left = size - std::min<std::uint64_t>(size, le(asked.offset));
  const auto n = std::min<std::uint64_t>({left, le(asked.size), agreed_.max_data});

  return with({}, std::string(random_.chance(95) ? n : random_.below(n + 1), 'r'));
}

std::string Answer::written()
{
  const std::uint64_t n = le(hdr_.data_len);
  qtfs_write_rep rep{};

  rep.end = le(__u64{le(body<qtfs_write>().offset) + n});
  rep.count = le(static_cast<__u32>(n));
  rep.attr = attr_of(random_, open());
  return with(bytes_of(rep));
}

std::string Answer::row(std::uint64_t directory, const qtfs_readdir &asked)
{
  const std::uint64_t first = le(asked.cookie);
  std::string row;

  for (std::uint64_t i = first; i < served_names.size(); i++) {
    const std::string_view name = served_names[i];
    const std::uint64_t number = child(directory, name);
    qtfs_dirent entry{};
    entry.ino = le(__u64{number >> 4 | 1});
    entry.cookie = le(__u64{i + 1});
    entry.name_len = le(static_cast<__u16>(name.size()));
    entry.flags = static_cast<__u8>((le(asked.flags) && number ? QTFS_DIRENT_ENTRY : 0) |
                                    (i + 1 == served_names.size() ? QTFS_DIRENT_LAST : 0));
    std::string whole = bytes_of(entry).append(name);
    whole.resize((whole.size() + 7) / 8 * 8);
    if (entry.flags & QTFS_DIRENT_ENTRY)
      whole +=
        bytes_of(qtfs_entry_rep{.node = le(__u64{number}), .attr = attr_of(random_, number)});
    if (row.size() + whole.size() > le(asked.size))
      break;
    row += whole;
  }
  return row;
}

std::string Answer::opened_dir()
{
  const auto asked = body<qtfs_open_dir>();

  return opened(node(), false, row(node(), {.cookie = 0, .size = asked.size, .flags = asked.list}));
}

std::string Answer::lock()
{
  qtfs_lock_rep rep{};

  if (random_.chance(10))
    return error(EAGAIN);
  rep.type = le(static_cast<__u32>(random_.below(3)));
  rep.flags = le(static_cast<__u32>(random_.chance(70) ? 0 : random_.below(4)));
  rep.end = le(__u64{100});
  rep.attr = attr_of(random_, open());
  return with(bytes_of(rep));
}

std::string Answer::xattr()
{
  const std::string value =
    le(hdr_.op) == QTFS_OP_GETXATTR ? "value" : std::string("user.a\0user.b\0", 14);

  if (random_.chance(30))
    return error(le(hdr_.op) == QTFS_OP_GETXATTR ? ENODATA : EOPNOTSUPP);
  const bool wanted = body<qtfs_getxattr>().size;
  return with(
    bytes_of(qtfs_getxattr_rep{.len = le(static_cast<__u32>(value.size())), .reserved = 0}),
    wanted ? value : "");
}

std::string Answer::by_name()
{
  const std::uint64_t number = child(node(), name(0));

  switch (le(hdr_.op)) {
  case QTFS_OP_ATTACH:
    return entry(root_number);
  case QTFS_OP_LINK:
    return entry(le(req_.node2));
  case QTFS_OP_OPEN_NAME: {
    const bool small = le(body<qtfs_open_name>().size) >= size_of(number) && kind_of(number) == 'f';
    return opened(number, true, small ? std::string(size_of(number), 'r') : "");
  }
  case QTFS_OP_CREATE:
    return opened(number, true);
  case QTFS_OP_TMPFILE:
    return opened(number_of(random_.below(files) + 2, 'f'), true);
  case QTFS_OP_UNLINK:
  case QTFS_OP_RMDIR:
    return with({});
  case QTFS_OP_RENAME:
    return with(bytes_of(event_of(random_)));
  default:
    return entry(number);
  }
}

std::string Answer::by_open()
{
  switch (le(hdr_.op)) {
  case QTFS_OP_READ:
    return read();
  case QTFS_OP_WRITE:
    return written();
  case QTFS_OP_READDIR:
    return with({}, row(open(), body<qtfs_readdir>()));
  case QTFS_OP_LOCK:
    return lock();
  case QTFS_OP_LSEEK:
    return with(bytes_of(qtfs_lseek_rep{.offset = body<qtfs_lseek>().offset}));
  case QTFS_OP_COPY:
    return with(
      bytes_of(qtfs_copy_rep{.count = body<qtfs_copy>().len, .attr = attr_of(random_, open())}));
  case QTFS_OP_POLL:
    return with(
      bytes_of(qtfs_poll_rep{.events = le(static_cast<__u32>(random_.below(32))), .reserved = 0}));
  case QTFS_OP_FALLOCATE:
    return attributes(open());
  default:
    return with({});
  }
}

std::string Answer::make()
{
  const unsigned op = le(hdr_.op);
  const auto *info = qtfs_op_info(op);

  if (!info || (info->flags & QTFS_ONE_WAY))
    return {};
  switch (op) {
  case QTFS_OP_HELLO:
    return hello();
  case QTFS_OP_GETATTR:
  case QTFS_OP_SETATTR:
  case QTFS_OP_FILEATTR_SET:
    return attributes(node());
  case QTFS_OP_OPEN:
    return opened(node(), false);
  case QTFS_OP_OPEN_DIR:
    return opened_dir();
  case QTFS_OP_OPEN_FIFO:
    return fifo();
  case QTFS_OP_READLINK:
    return with({}, random_.pick(served_names));
  case QTFS_OP_GETXATTR:
  case QTFS_OP_LISTXATTR:
    return xattr();
  case QTFS_OP_STATFS:
  case QTFS_OP_FILEATTR_GET:
  case QTFS_OP_AUTH:
    return with(std::string(info->rep_body, '\1'));
  case QTFS_OP_ECHO:
    return with(
      {}, std::string(std::min<std::size_t>(le(body<qtfs_echo>().size), agreed_.max_data), '\0'));
  default:
    break;
  }
  if (info->name_kind[0] != QTFS_NAME_NONE && info->name_kind[0] != QTFS_NAME_XATTR)
    return by_name();
  if (op == QTFS_OP_TMPFILE)
    return by_name();
  return by_open();
}

} // namespace

std::string good_answer(Random &random, std::string_view request, const Agreed &agreed)
{
  return Answer(random, request, agreed).make();
}

std::string notify(Random &random)
{
  qtfs_hdr to{};
  qtfs_hdr_init(&to, QTFS_OP_NOTIFY, 0);
  Reply reply(to);

  for (std::uint64_t n = random.between(1, 5); n; n--) {
    const std::string name = random.chance(60) ? random.pick(served_names) : "";
    reply.data += bytes_of(event_of(random, name)) + name;
    reply.data.resize((reply.data.size() + 7) / 8 * 8);
  }
  reply.hdr.stamp = le(__u64{random.chance(80) ? random.below(1000) : random.boundary()});
  return reply.encode();
}

} // namespace qtfs::fuzz
