// SPDX-License-Identifier: GPL-2.0

#include "files.hh"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>
#include <fcntl.h>
#include <fmt/format.h>
#include <limits>
#include <linux/openat2.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "mountinfo.hh"
#include "proc_path.hh"
#include "uds.h"
#include "wire.h"

namespace qtfs::uds {

namespace {

// Numbers in decimal, each with a colon behind it.
class Words {
public:
  explicit Words(std::string_view text) : rest_(text) {}

  template <typename Number> Number number()
  {
    Number value = 0;
    const char *const end = rest_.data() + rest_.size();
    const auto [at, error] = std::from_chars(rest_.data(), end, value);

    good_ = good_ && error == std::errc() && at != end && *at == ':';
    if (good_)
      rest_.remove_prefix(static_cast<std::size_t>(at - rest_.data()) + 1);
    return value;
  }
  bool good() const { return good_; }
  std::string_view rest() const { return rest_; }

private:
  std::string_view rest_;
  bool good_ = true;
};

// Which file a path has to lead to.
struct Birth {
  std::uint64_t inode = 0;
  std::int64_t seconds = 0;
  std::uint32_t nanoseconds = 0;

  bool operator==(const Birth &) const = default;
};

Result<Birth> birth_of(int fd)
{
  struct statx stx;

  if (::statx(fd, "", AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW, STATX_TYPE | STATX_INO | STATX_BTIME,
              &stx) != 0)
    return last_error();
  if (!S_ISREG(stx.stx_mode))
    return errno_code(EINVAL);
  Birth birth{stx.stx_ino};
  if (stx.stx_mask & STATX_BTIME) {
    birth.seconds = stx.stx_btime.tv_sec;
    birth.nanoseconds = stx.stx_btime.tv_nsec;
  }
  return birth;
}

Result<Object> describe_server_file(int fd)
{
  const int flags = ::fcntl(fd, F_GETFL);
  const off_t offset = ::lseek(fd, 0, SEEK_CUR);
  const std::string path = name_of_fd(fd);
  const Result<Birth> birth = birth_of(fd);
  struct stat st;

  if (flags < 0 || offset < 0)
    return last_error();
  if (!birth)
    return birth.error();
  if (::fstat(fd, &st) != 0)
    return last_error();
  if (st.st_nlink == 0 || !is_plain_path(path))
    return errno_code(ENOENT);
  Object object;
  object.kind = ObjectKind::ServerFile;
  object.seals = static_cast<std::uint32_t>(flags) & QTFS_UDS_FLAGS;
  object.name =
    fmt::format("{}:{}:{}:{}:{}", offset, birth->inode, birth->seconds, birth->nanoseconds, path);
  return object;
}

// A directory above the file, seen through a mount.
struct Above {
  std::string point;
  std::string below; // the rest of the path
};

std::vector<Above> mounts_above(const std::string &path)
{
  std::vector<Above> found;

  for (const MountInfo &mount : read_mountinfo()) {
    if (!is_qtfs(mount.type) || !mount.source.starts_with('/'))
      continue;
    std::string root = mount.source == "/" ? "" : mount.source;
    if (mount.root != "/")
      root += mount.root;
    if (path.starts_with(root + "/"))
      found.push_back({mount.point, path.substr(root.size() + 1)});
  }
  return found;
}

Result<Fd> find_through(const Above &above, const Birth &birth)
{
  open_how how = {};

  const Fd top(::open(above.point.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!top)
    return last_error();
  how.flags = O_PATH | O_CLOEXEC | O_NOFOLLOW;
  how.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS;
  Fd file(
    static_cast<int>(::syscall(SYS_openat2, top.get(), above.below.c_str(), &how, sizeof(how))));
  if (!file)
    return last_error();
  const Result<Birth> is = birth_of(file.get());
  if (!is)
    return is.error();
  return *is == birth ? Result<Fd>(std::move(file)) : errno_code(ESTALE);
}

bool flags_are_good(std::uint32_t flags)
{
  return !(flags & ~std::uint32_t{QTFS_UDS_FLAGS}) && (flags & QTFS_O_ACCMODE) != QTFS_O_ACCMODE;
}

} // namespace

Result<Object> describe_file_of_both(int fd)
{
  qtfs_uds_ticket ticket;
  Object object;

  if (::ioctl(fd, QTFS_UDS_TICKET, &ticket) != 0) {
    // A file of this machine: of use to the peer if it is a client of ours.
    if (errno == ENOTTY && ::access(QTFS_UDS_SERVER_DEV, F_OK) == 0)
      return describe_server_file(fd);
    return last_error();
  }
  std::array<std::uint64_t, 2> client;
  std::memcpy(client.data(), ticket.client, sizeof(client));
  object.kind = ObjectKind::ClientFile;
  object.seals = ticket.flags;
  object.name = fmt::format("{}:{}:{}:{}:{}:", std::uint64_t{ticket.offset}, client[0], client[1],
                            std::uint64_t{ticket.epoch}, std::uint64_t{ticket.open});
  return object;
}

Result<Fd> open_client_file(const Object &object)
{
  qtfs_uds_ticket ticket = {};
  std::array<std::uint64_t, 2> client;
  Words words(object.name);

  ticket.offset = words.number<std::uint64_t>();
  client[0] = words.number<std::uint64_t>();
  client[1] = words.number<std::uint64_t>();
  ticket.epoch = words.number<std::uint64_t>();
  ticket.open = words.number<std::uint64_t>();
  ticket.flags = object.seals;
  if (!words.good() || !words.rest().empty() || !flags_are_good(object.seals))
    return errno_code(EPROTO);
  std::memcpy(ticket.client, client.data(), sizeof(client));
  const Fd device(::open(QTFS_UDS_SERVER_DEV, O_RDONLY | O_CLOEXEC));
  if (!device)
    return last_error();
  Fd file(::ioctl(device.get(), QTFS_UDS_OPEN, &ticket));
  return file ? Result<Fd>(std::move(file)) : last_error();
}

Result<Fd> open_server_file(const Object &object)
{
  std::error_code error = errno_code(ENOENT);
  Words words(object.name);

  const auto offset = words.number<std::uint64_t>();
  const auto inode = words.number<std::uint64_t>();
  const auto seconds = words.number<std::int64_t>();
  const Birth birth{inode, seconds, words.number<std::uint32_t>()};
  const std::string path(words.rest());
  if (!words.good() || !is_plain_path(path) || !flags_are_good(object.seals) ||
      offset > std::uint64_t{std::numeric_limits<std::int64_t>::max()})
    return errno_code(EPROTO);

  for (const Above &above : mounts_above(path)) {
    const Result<Fd> found = find_through(above, birth);
    if (!found) {
      error = found.error();
      continue;
    }
    Fd file(::open(ProcPath(found->get()).c_str(), static_cast<int>(object.seals) | O_CLOEXEC));
    if (file && (!offset || ::lseek(file.get(), static_cast<off_t>(offset), SEEK_SET) >= 0))
      return file;
    error = last_error();
  }
  return error;
}

} // namespace qtfs::uds
