// SPDX-License-Identifier: GPL-2.0
//
// checker DIR SEED OPERATIONS THREADS [AGAIN]
//
// Each thread makes a directory of its own below DIR and performs OPERATIONS
// operations in it, chosen by chance, while a model of the file system says what
// each must return.  In the end the whole tree is compared with the model: every
// name, kind, mode, link count and byte.  AGAIN is where the same tree is to be
// found a second time, on the server's own file system for example.
//
// Each operation also appends its number to a log, which must hold each of them
// once and in order.
//
// The same SEED gives the same operations.  Status 1: something was wrong, and
// what; 2: usage.

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <dirent.h>
#include <fcntl.h>
#include <optional>
#include <random>
#include <string>
#include <sys/stat.h>
#include <thread>
#include <unistd.h>
#include <vector>

#include "model.hh"

namespace qtfs::checker {

namespace {

constexpr std::size_t max_size = 300'000;
constexpr std::size_t max_open = 8;
constexpr std::size_t max_names = 60;

std::string error_name(int error)
{
  const char *name = error ? ::strerrorname_np(error) : "success";

  return name ? name : std::to_string(error);
}

std::string read_all(int fd, std::string &wrong)
{
  std::array<char, 65536> buffer;
  std::string data;

  for (;;) {
    const ssize_t n = ::pread(fd, buffer.data(), buffer.size(), static_cast<off_t>(data.size()));
    if (n < 0)
      wrong = "read: " + error_name(errno);
    if (n <= 0)
      return data;
    data.append(buffer.data(), static_cast<std::size_t>(n));
  }
}

// What is different between the file @path and @inode, nothing if they are the same.
std::string compare_data(const std::string &path, const std::string &data)
{
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  std::string wrong;

  if (fd < 0)
    return "open: " + error_name(errno);
  const std::string found = read_all(fd, wrong);
  ::close(fd);
  if (!wrong.empty())
    return wrong;
  if (found.size() != data.size())
    return std::to_string(found.size()) + " bytes instead of " + std::to_string(data.size());
  const auto [a, b] = std::mismatch(found.begin(), found.end(), data.begin());
  if (a != found.end())
    return "byte " + std::to_string(a - found.begin()) + " is another one";
  return {};
}

std::string compare_stat(const struct stat &st, const Inode &inode)
{
  const mode_t kind = inode.kind == Kind::File        ? S_IFREG
                      : inode.kind == Kind::Directory ? S_IFDIR
                                                      : S_IFLNK;

  if ((st.st_mode & S_IFMT) != kind)
    return "is of another kind";
  if ((st.st_mode & 07777) != inode.mode)
    return "has another mode";
  if (st.st_nlink != Model::links(inode))
    return std::to_string(st.st_nlink) + " links instead of " + std::to_string(Model::links(inode));
  if (inode.kind == Kind::File && static_cast<std::size_t>(st.st_size) != inode.data.size())
    return "stat says " + std::to_string(st.st_size) + " bytes instead of " +
           std::to_string(inode.data.size());
  return {};
}

std::string compare_names(const std::string &path, const Inode &inode)
{
  DIR *dir = ::opendir(path.c_str());
  std::vector<std::string> names;

  if (!dir)
    return "opendir: " + error_name(errno);
  errno = 0;
  while (const dirent *entry = ::readdir(dir))
    if (std::strcmp(entry->d_name, ".") != 0 && std::strcmp(entry->d_name, "..") != 0)
      names.emplace_back(entry->d_name);
  const int error = errno;
  ::closedir(dir);
  if (error)
    return "readdir: " + error_name(error);

  std::sort(names.begin(), names.end());
  const bool same =
    std::equal(names.begin(), names.end(), inode.children.begin(), inode.children.end(),
               [](const auto &name, const auto &child) { return name == child.first; });
  return same ? std::string() : "has other names in it";
}

std::string compare(const std::string &path, const Inode &inode)
{
  struct stat st;

  if (::lstat(path.c_str(), &st) != 0)
    return "lstat: " + error_name(errno);
  std::string wrong = compare_stat(st, inode);
  if (!wrong.empty())
    return wrong;
  if (inode.kind == Kind::Directory)
    return compare_names(path, inode);
  if (inode.kind == Kind::File)
    return compare_data(path, inode.data);

  std::array<char, 4096> target;
  const ssize_t len = ::readlink(path.c_str(), target.data(), target.size());
  if (len < 0 || std::string(target.data(), static_cast<std::size_t>(len)) != inode.data)
    return "leads elsewhere";
  return {};
}

struct Open {
  int fd = -1;
  Ref inode;
  bool append = false;
};

class Checker {
public:
  Checker(std::string dir, std::uint64_t seed) : dir_(std::move(dir)), random_(seed) {}

  bool run(unsigned long operations);
  // Compares everything below @dir with the model.
  bool verify(const std::string &dir) const;

private:
  unsigned below(std::size_t n) { return static_cast<unsigned>(random_() % n); }
  std::string path(const std::string &name) const { return dir_ + "/" + name; }
  std::string some_name();
  std::string some_data();
  Open *some_open();
  void expect(const char *what, const std::string &name, long result, int expected);
  void complain(const std::string &what) const;

  void step();
  void log(unsigned long number);
  void make();
  void take_away();
  void do_rename();
  void do_open();
  void do_close(Open &open);
  void do_write(Open &open);
  void do_read(Open &open);
  void do_truncate();
  void do_chmod();
  void look();

  const std::string dir_;
  std::mt19937_64 random_;
  Model model_;
  std::vector<Open> opens_;
  std::string logged_;
  int log_ = -1;
  unsigned long number_ = 0;
  mutable bool good_ = true;
};

void Checker::complain(const std::string &what) const
{
  std::fprintf(stderr, "%s: operation %lu: %s\n", dir_.c_str(), number_, what.c_str());
  good_ = false;
}

void Checker::expect(const char *what, const std::string &name, long result, int expected)
{
  const int error = result < 0 ? errno : 0;

  if (error != expected)
    complain(std::string(what) + " " + name + ": " + error_name(error) + " instead of " +
             error_name(expected));
}

// Mostly something that there is, or something new beside it.
std::string Checker::some_name()
{
  const std::vector<std::string> paths = model_.paths();
  const auto fresh = [&] { return "n" + std::to_string(below(40)); };

  if (paths.empty() || below(5) == 0)
    return fresh();
  const std::string &chosen = paths[below(paths.size())];
  if (below(4) == 0 && std::count(chosen.begin(), chosen.end(), '/') < 4)
    return chosen + "/" + fresh();
  return chosen;
}

std::string Checker::some_data()
{
  constexpr std::array<std::size_t, 5> sizes = {10, 500, 5000, 70'000, 200'000};
  std::string data(below(sizes[below(sizes.size())]) + 1, '\0');
  std::uint64_t word = 0;

  for (std::size_t i = 0; i < data.size(); i++, word >>= 8) {
    if (i % 8 == 0)
      word = random_();
    data[i] = static_cast<char>(word);
  }
  return data;
}

Open *Checker::some_open()
{
  return opens_.empty() ? nullptr : &opens_[below(opens_.size())];
}

void Checker::make()
{
  const std::string name = some_name();

  if (model_.paths().size() >= max_names)
    return;
  switch (below(5)) {
  case 0:
    expect("mkdir", name, ::mkdir(path(name).c_str(), 0755), model_.mkdir(name, 0755));
    break;
  case 1: {
    const std::string target = "target" + std::to_string(below(1000));
    expect("symlink", name, ::symlink(target.c_str(), path(name).c_str()),
           model_.symlink(target, name));
    break;
  }
  case 2: {
    const std::string from = some_name();
    expect("link", from + " " + name, ::link(path(from).c_str(), path(name).c_str()),
           model_.link(from, name));
    break;
  }
  default: {
    Open open;
    const unsigned mode = 0600 | below(0100);
    open.append = below(3) == 0;
    const int expected = model_.create(name, mode, open.inode);
    open.fd = ::open(path(name).c_str(),
                     O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | (open.append ? O_APPEND : 0), mode);
    expect("create", name, open.fd, expected);
    if (open.fd >= 0)
      opens_.push_back(open);
  }
  }
}

void Checker::take_away()
{
  const std::string name = some_name();

  if (below(3) == 0)
    expect("rmdir", name, ::rmdir(path(name).c_str()), model_.rmdir(name));
  else
    expect("unlink", name, ::unlink(path(name).c_str()), model_.unlink(name));
}

void Checker::do_rename()
{
  const std::string from = some_name(), to = some_name();
  const bool noreplace = below(3) == 0;

  expect("rename", from + " " + to,
         ::renameat2(AT_FDCWD, path(from).c_str(), AT_FDCWD, path(to).c_str(),
                     noreplace ? RENAME_NOREPLACE : 0),
         model_.rename(from, to, noreplace));
}

void Checker::do_open()
{
  const std::string name = some_name();
  const Ref inode = model_.find(name);

  if (!inode || inode->kind != Kind::File)
    return;
  Open open = {-1, inode, below(3) == 0};
  const bool truncates = below(6) == 0;
  open.fd = ::open(path(name).c_str(),
                   O_RDWR | O_CLOEXEC | (open.append ? O_APPEND : 0) | (truncates ? O_TRUNC : 0));
  expect("open", name, open.fd, 0);
  if (open.fd < 0)
    return;
  if (truncates)
    Model::truncate(*inode, 0);
  opens_.push_back(open);
}

void Checker::do_close(Open &open)
{
  if (below(3) == 0)
    expect("fsync", "", ::fsync(open.fd), 0);
  expect("close", "", ::close(open.fd), 0);
  open = opens_.back();
  opens_.pop_back();
}

void Checker::do_write(Open &open)
{
  const std::string data = some_data();
  const std::size_t size = open.inode->data.size();
  const std::size_t offset = open.append ? size : below(size + 5000);

  if (offset + data.size() > max_size)
    return;
  const ssize_t n = ::pwrite(open.fd, data.data(), data.size(), static_cast<off_t>(offset));
  expect("write", "", n, 0);
  if (n >= 0 && static_cast<std::size_t>(n) != data.size())
    complain("write: " + std::to_string(n) + " bytes of " + std::to_string(data.size()));
  Model::write(*open.inode, offset, data);
}

void Checker::do_read(Open &open)
{
  const std::string &data = open.inode->data;
  const std::size_t offset = below(data.size() + 100);
  std::string found(below(100'000) + 1, '\0');

  const ssize_t n = ::pread(open.fd, found.data(), found.size(), static_cast<off_t>(offset));
  expect("read", "", n, 0);
  if (n < 0)
    return;
  found.resize(static_cast<std::size_t>(n));
  const std::string expected = offset < data.size() ? data.substr(offset, 100'000) : "";
  if (found.size() > expected.size() || expected.compare(0, found.size(), found) != 0 ||
      (found.empty() && !expected.empty()))
    complain("read: other bytes at " + std::to_string(offset));
}

void Checker::do_truncate()
{
  Open *open = some_open();
  const std::size_t size = below(max_size);

  if (!open)
    return;
  expect("ftruncate", "", ::ftruncate(open->fd, static_cast<off_t>(size)), 0);
  Model::truncate(*open->inode, size);
}

void Checker::do_chmod()
{
  const std::string name = some_name();
  const Ref inode = model_.find(name);
  const unsigned mode = 0600 | below(0100);

  if (!inode || inode->kind != Kind::File)
    return;
  expect("chmod", name, ::chmod(path(name).c_str(), mode), 0);
  inode->mode = mode;
}

void Checker::look()
{
  const std::string name = some_name();
  const Ref inode = model_.find(name);
  struct stat st;

  if (!inode) {
    if (::lstat(path(name).c_str(), &st) == 0)
      complain(name + ": should not be there");
    return;
  }
  const std::string wrong = compare(path(name), *inode);
  if (!wrong.empty())
    complain(name + ": " + wrong);
}

void Checker::step()
{
  const unsigned what = below(100);
  Open *open = some_open();

  if (what < 20)
    make();
  else if (what < 30)
    take_away();
  else if (what < 40)
    do_rename();
  else if (what < 50 && opens_.size() < max_open)
    do_open();
  else if (what < 58 && open)
    do_close(*open);
  else if (what < 74 && open)
    do_write(*open);
  else if (what < 84 && open)
    do_read(*open);
  else if (what < 88)
    do_truncate();
  else if (what < 92)
    do_chmod();
  else
    look();
  if (opens_.size() >= max_open)
    do_close(opens_.front());
}

void Checker::log(unsigned long number)
{
  const std::string line = std::to_string(number) + "\n";

  expect("append", "log",
         ::write(log_, line.data(), line.size()) == static_cast<ssize_t>(line.size()) ? 0 : -1, 0);
  logged_ += line;
}

bool Checker::run(unsigned long operations)
{
  if (::mkdir(dir_.c_str(), 0755) != 0) {
    complain("mkdir: " + error_name(errno));
    return false;
  }
  log_ = ::open((dir_ + ".log").c_str(), O_WRONLY | O_CREAT | O_EXCL | O_APPEND | O_CLOEXEC, 0644);
  expect("create", "log", log_, 0);
  for (number_ = 1; number_ <= operations && good_; number_++) {
    step();
    log(number_);
  }
  while (!opens_.empty())
    do_close(opens_.back());
  expect("close", "log", ::close(log_), 0);
  return good_;
}

bool Checker::verify(const std::string &dir) const
{
  const std::string root = dir + dir_.substr(dir_.rfind('/'));
  std::string wrong = compare(root, *model_.root());

  if (!wrong.empty())
    complain(root + ": " + wrong);
  for (const std::string &name : model_.paths()) {
    const std::string path = std::string(root).append("/").append(name);

    wrong = compare(path, *model_.find(name));
    if (!wrong.empty())
      complain(std::string(path).append(": ").append(wrong));
  }
  wrong = compare_data(root + ".log", logged_);
  if (!wrong.empty())
    complain(root + ".log: " + wrong);
  return good_;
}

std::optional<unsigned long> number(const char *text)
{
  char *end;
  const unsigned long value = std::strtoul(text, &end, 10);

  return *text && !*end ? std::optional(value) : std::nullopt;
}

int check(const std::string &dir, std::uint64_t seed, unsigned long operations,
          unsigned long threads, const char *again)
{
  std::vector<std::unique_ptr<Checker>> checkers;
  std::vector<std::thread> running;
  std::atomic<bool> good = true;

  for (unsigned long i = 0; i < threads; i++)
    checkers.push_back(std::make_unique<Checker>(dir + "/t" + std::to_string(i), seed + i));
  running.reserve(checkers.size());
  for (const std::unique_ptr<Checker> &checker : checkers)
    running.emplace_back([&good, &checker, operations] {
      if (!checker->run(operations))
        good = false;
    });
  for (std::thread &thread : running)
    thread.join();

  for (const std::unique_ptr<Checker> &checker : checkers)
    if (!checker->verify(dir) || (again && !checker->verify(again)))
      good = false;
  std::printf("%lu threads, %lu operations each, seed %lu: %s\n", threads, operations, seed,
              good ? "good" : "wrong");
  return good ? 0 : 1;
}

} // namespace

} // namespace qtfs::checker

int main(int argc, char **argv)
{
  using namespace qtfs::checker;
  const std::optional<unsigned long> seed = argc > 2 ? number(argv[2]) : std::nullopt;
  const std::optional<unsigned long> operations = argc > 3 ? number(argv[3]) : std::nullopt;
  const std::optional<unsigned long> threads = argc > 4 ? number(argv[4]) : std::nullopt;

  if (argc < 5 || argc > 6 || !seed || !operations || !threads) {
    std::fprintf(stderr, "usage: checker DIR SEED OPERATIONS THREADS [AGAIN]\n");
    return 2;
  }
  ::umask(0);
  return check(argv[1], *seed, *operations, *threads, argc > 5 ? argv[5] : nullptr);
}
