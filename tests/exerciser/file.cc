// SPDX-License-Identifier: GPL-2.0

#include "file.hh"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

namespace qtfs::exerciser {

namespace {

constexpr std::size_t alignment = 4096;
// What any pipe holds, in whole pages.
constexpr std::size_t pipe_part = 32768;

off_t off(std::size_t offset)
{
  return static_cast<off_t>(offset);
}

Wrong failed(const char *what)
{
  const char *name = ::strerrorname_np(errno);

  return std::string(what) + ": " + (name ? name : std::to_string(errno));
}

Wrong expect(const char *what, ssize_t got, std::size_t wanted)
{
  if (got < 0)
    return failed(what);
  if (static_cast<std::size_t>(got) == wanted)
    return {};
  return std::string(what) + ": " + std::to_string(got) + " bytes instead of " +
         std::to_string(wanted);
}

Wrong expect_success(const char *what, int status)
{
  return status == 0 ? Wrong{} : failed(what);
}

struct Pipe {
  Fd out, in;

  Pipe()
  {
    std::array<int, 2> ends{-1, -1};

    if (::pipe2(ends.data(), O_CLOEXEC) != 0)
      return;
    out.reset(ends[0]);
    in.reset(ends[1]);
  }
};

} // namespace

const char *name_of(Way way)
{
  static constexpr std::array<const char *, ways> names = {
    "first", "second", "direct", "spliced", "synced", "mapped", "map-once", "appended"};

  return names.at(static_cast<std::size_t>(way));
}

bool is_mapped(Way way)
{
  return way == Way::Mapped || way == Way::MapOnce;
}

File::File(std::string path, std::size_t max_size)
    : path_(std::move(path)), max_size_(max_size),
      aligned_(static_cast<std::uint8_t *>(std::aligned_alloc(alignment, max_size)))
{
}

Wrong File::open(int flags)
{
  first_.reset(::open(path_.c_str(), O_RDWR | O_CLOEXEC | flags, 0644));
  second_.reset(::open(path_.c_str(), O_RDWR | O_CLOEXEC));
  direct_.reset(::open(path_.c_str(), O_RDWR | O_CLOEXEC | O_DIRECT));
  append_.reset(::open(path_.c_str(), O_WRONLY | O_CLOEXEC | O_APPEND));
  if (!first_ || !second_ || !direct_ || !append_)
    return failed("open");
  mapping_ = Mapping(first_.get(), max_size_);
  return mapping_ ? Wrong{} : failed("mmap");
}

Wrong File::close()
{
  mapping_ = {};
  for (Fd *fd : {&first_, &second_, &direct_, &append_})
    if (::close(fd->release()) != 0)
      return failed("close");
  return {};
}

int File::fd_of(Way way) const
{
  switch (way) {
  case Way::Second:
    return second_.get();
  case Way::Direct:
    return direct_.get();
  case Way::Appended:
    return append_.get();
  default:
    return first_.get();
  }
}

// One that is too short is followed by others: only one of nothing is the end.
Wrong File::read_fd(int fd, std::size_t offset, std::span<std::uint8_t> &data) const
{
  const bool direct = fd == direct_.get();
  std::span<std::uint8_t> room = direct ? std::span(aligned_.get(), data.size()) : data;
  std::size_t done = 0;

  while (done < room.size()) {
    const ssize_t n = ::pread(fd, room.data() + done, room.size() - done, off(offset + done));
    if (n < 0)
      return failed("pread");
    if (n == 0)
      break;
    done += static_cast<std::size_t>(n);
  }
  if (direct)
    std::copy_n(aligned_.get(), done, data.begin());
  data = data.first(done);
  return {};
}

Wrong File::read_spliced(std::size_t offset, std::span<std::uint8_t> &data) const
{
  const Pipe pipe;
  std::size_t done = 0;

  while (done < data.size()) {
    off_t from = off(offset + done);
    const ssize_t n = ::splice(second_.get(), &from, pipe.in.get(), nullptr,
                               std::min(data.size() - done, pipe_part), 0);
    if (n < 0)
      return failed("splice");
    if (n == 0)
      break;
    const ssize_t got = ::read(pipe.out.get(), data.data() + done, static_cast<std::size_t>(n));
    if (Wrong wrong = expect("read of the pipe", got, static_cast<std::size_t>(n)); !wrong.empty())
      return wrong;
    done += static_cast<std::size_t>(n);
  }
  data = data.first(done);
  return {};
}

Wrong File::read(Way way, std::size_t offset, std::span<std::uint8_t> &data)
{
  if (data.empty())
    return {};
  if (way == Way::Spliced)
    return read_spliced(offset, data);
  if (way == Way::Mapped) {
    mapping_.read(offset, data);
    return {};
  }
  if (way == Way::MapOnce) {
    const Mapping once(second_.get(), offset + data.size());
    if (!once)
      return failed("mmap");
    once.read(offset, data);
    return {};
  }
  return read_fd(fd_of(way), offset, data);
}

Wrong File::write_fd(Way way, std::size_t offset, std::span<const std::uint8_t> data) const
{
  if (way == Way::Direct) {
    std::copy(data.begin(), data.end(), aligned_.get());
    return expect("pwrite", ::pwrite(direct_.get(), aligned_.get(), data.size(), off(offset)),
                  data.size());
  }
  if (way == Way::Synced) {
    const iovec vector = {const_cast<std::uint8_t *>(data.data()), data.size()};
    return expect("pwritev2", ::pwritev2(first_.get(), &vector, 1, off(offset), RWF_DSYNC),
                  data.size());
  }
  if (way == Way::Appended)
    return expect("write", ::write(append_.get(), data.data(), data.size()), data.size());
  return expect("pwrite", ::pwrite(fd_of(way), data.data(), data.size(), off(offset)), data.size());
}

Wrong File::write_spliced(std::size_t offset, std::span<const std::uint8_t> data) const
{
  const Pipe pipe;

  for (std::size_t done = 0; done < data.size();) {
    const std::size_t part = std::min(data.size() - done, pipe_part);
    Wrong wrong =
      expect("write to the pipe", ::write(pipe.in.get(), data.data() + done, part), part);
    for (std::size_t left = part; wrong.empty() && left > 0;) {
      off_t to = off(offset + done);
      const ssize_t n = ::splice(pipe.out.get(), nullptr, second_.get(), &to, left, 0);
      if (n <= 0)
        wrong = failed("splice");
      left -= static_cast<std::size_t>(std::max<ssize_t>(n, 0));
      done += static_cast<std::size_t>(std::max<ssize_t>(n, 0));
    }
    if (!wrong.empty())
      return wrong;
  }
  return {};
}

Wrong File::write(Way way, std::size_t offset, std::span<const std::uint8_t> data)
{
  if (data.empty())
    return {};
  if (way == Way::Spliced)
    return write_spliced(offset, data);
  if (way == Way::Mapped) {
    mapping_.write(offset, data);
    return {};
  }
  if (way == Way::MapOnce) {
    Mapping once(second_.get(), offset + data.size());
    if (!once)
      return failed("mmap");
    once.write(offset, data);
    return {};
  }
  return write_fd(way, offset, data);
}

Wrong File::resize(std::size_t size, bool by_name)
{
  if (by_name)
    return expect_success("truncate", ::truncate(path_.c_str(), off(size)));
  return expect_success("ftruncate", ::ftruncate(second_.get(), off(size)));
}

Wrong File::allocate(int mode, std::size_t offset, std::size_t len)
{
  return expect_success("fallocate", ::fallocate(first_.get(), mode, off(offset), off(len)));
}

Wrong File::copy(std::size_t from, std::size_t to, std::size_t len)
{
  while (len > 0) {
    off_t in = off(from);
    off_t out = off(to);
    const ssize_t n = ::copy_file_range(first_.get(), &in, second_.get(), &out, len, 0);
    if (n < 0)
      return failed("copy_file_range");
    if (n == 0)
      return "copy_file_range: nothing was copied";
    from += static_cast<std::size_t>(n);
    to += static_cast<std::size_t>(n);
    len -= static_cast<std::size_t>(n);
  }
  return {};
}

Wrong File::sync(Sync how)
{
  switch (how) {
  case Sync::File:
    return expect_success("fsync", ::fsync(first_.get()));
  case Sync::Data:
    return expect_success("fdatasync", ::fdatasync(second_.get()));
  case Sync::All:
    return expect_success("syncfs", ::syncfs(first_.get()));
  case Sync::Mapping:
  case Sync::MappingLater:
    break;
  }
  std::size_t len = 0;
  Wrong wrong = size(len);
  if (wrong.empty() && len > 0 && !mapping_.sync(0, len, how == Sync::Mapping ? MS_SYNC : MS_ASYNC))
    wrong = failed("msync");
  return wrong;
}

Wrong File::forget()
{
  errno = ::posix_fadvise(first_.get(), 0, 0, POSIX_FADV_DONTNEED);
  return errno ? failed("posix_fadvise") : Wrong{};
}

Wrong File::seek(std::size_t offset, int whence, std::size_t &found)
{
  const off_t result = ::lseek(second_.get(), off(offset), whence);

  if (result < 0)
    return failed("lseek");
  found = static_cast<std::size_t>(result);
  return {};
}

// Asks for the size alone: for the times, too, all that is dirty would be written first.
Wrong File::size(std::size_t &size)
{
  struct statx st;

  if (::statx(second_.get(), "", AT_EMPTY_PATH, STATX_SIZE, &st) != 0)
    return failed("statx");
  size = st.stx_size;
  return {};
}

} // namespace qtfs::exerciser
