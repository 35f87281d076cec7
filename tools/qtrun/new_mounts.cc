// SPDX-License-Identifier: GPL-2.0

#include "new_mounts.hh"

#include <algorithm>
#include <linux/kcmp.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace qtfs::qtrun {

namespace {

// Programs have a few at a time.
constexpr std::size_t most = 256;

bool is_same_file(int a, int b)
{
  const pid_t self = ::getpid();

  return ::syscall(SYS_kcmp, self, self, KCMP_FILE, a, b) == 0;
}

template <typename T> void push(std::deque<T> &queue, T item)
{
  if (queue.size() >= most)
    queue.pop_front();
  queue.push_back(std::move(item));
}

std::string source_of(std::uint64_t number)
{
  return "qtrun-" + std::to_string(number);
}

} // namespace

void NewMounts::add(std::shared_ptr<Context> context)
{
  const std::lock_guard guard(lock_);

  push(contexts_, std::move(context));
}

std::shared_ptr<Context> NewMounts::find(int file)
{
  const std::lock_guard guard(lock_);
  const auto found = std::ranges::find_if(contexts_, [&](const std::shared_ptr<Context> &context) {
    return is_same_file(context->file.get(), file);
  });

  return found != contexts_.end() ? *found : nullptr;
}

void NewMounts::remove(const std::shared_ptr<Context> &context)
{
  const std::lock_guard guard(lock_);

  std::erase(contexts_, context);
}

std::string NewMounts::add_stand_in(const Recipe &recipe)
{
  const std::lock_guard guard(lock_);

  push(stand_ins_, std::pair(++last_stand_in_, recipe));
  return source_of(last_stand_in_);
}

std::optional<Recipe> NewMounts::find_stand_in(const std::string &source)
{
  const std::lock_guard guard(lock_);
  const auto found = std::ranges::find_if(
    stand_ins_, [&](const auto &stand_in) { return source_of(stand_in.first) == source; });

  return found != stand_ins_.end() ? std::optional(found->second) : std::nullopt;
}

void NewMounts::add(const Clone &clone)
{
  const std::lock_guard guard(lock_);

  std::erase_if(clones_, [&](const Clone &other) {
    return other.device == clone.device && other.inode == clone.inode;
  });
  push(clones_, clone);
}

std::optional<Clone> NewMounts::find_clone(dev_t device, ino_t inode)
{
  const std::lock_guard guard(lock_);
  const auto found = std::ranges::find_if(
    clones_, [&](const Clone &clone) { return clone.device == device && clone.inode == inode; });

  return found != clones_.end() ? std::optional(*found) : std::nullopt;
}

} // namespace qtfs::qtrun
