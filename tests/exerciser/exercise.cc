// SPDX-License-Identifier: GPL-2.0

#include "exercise.hh"

#include <algorithm>
#include <cinttypes>
#include <cstdio>
#include <fcntl.h>
#include <linux/falloc.h>
#include <string_view>
#include <sys/stat.h>

namespace qtfs::exerciser {

namespace {

constexpr std::uint64_t phase_length = 150;
constexpr std::size_t block = 4096;
constexpr std::size_t sector = 512;

std::size_t round_down(std::size_t n, std::size_t unit)
{
  return n / unit * unit;
}

std::size_t round_up(std::size_t n, std::size_t unit)
{
  return round_down(n + unit - 1, unit);
}

int mode_of(Kind kind)
{
  switch (kind) {
  case Kind::Keep:
    return FALLOC_FL_KEEP_SIZE;
  case Kind::Punch:
    return FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE;
  case Kind::Zero:
    return FALLOC_FL_ZERO_RANGE;
  case Kind::ZeroKeep:
    return FALLOC_FL_ZERO_RANGE | FALLOC_FL_KEEP_SIZE;
  case Kind::Collapse:
    return FALLOC_FL_COLLAPSE_RANGE;
  case Kind::Insert:
    return FALLOC_FL_INSERT_RANGE;
  default:
    return 0;
  }
}

} // namespace

Exercise::Exercise(Settings settings)
    : settings_(std::move(settings)), random_(settings_.seed),
      file_(settings_.path, settings_.max_size), phase_(random_, settings_.max_size)
{
}

std::size_t Exercise::some_offset(std::size_t limit)
{
  std::size_t offset = random_.below(limit);

  // Near the edges of pages and the end there is more to be done wrong.
  switch (random_.below(4)) {
  case 0:
    offset = round_down(offset, block) + random_.below(3);
    break;
  case 1:
    offset = round_down(offset, block);
    break;
  case 2:
    offset = model_.size() + random_.below(9);
    offset -= std::min<std::size_t>(offset, 4);
    break;
  default:
    break;
  }
  return std::min(offset, limit - 1);
}

Exercise::Range Exercise::some_range(Way way, bool inside)
{
  const std::size_t unit = way == Way::Direct ? sector : 1;
  const std::size_t limit = inside ? model_.size() : settings_.max_size;
  Range range;

  if (limit == 0)
    return range;
  range.offset = round_down(some_offset(limit), unit);
  range.len = round_up(random_.between(1, phase_.max_length()), unit);
  range.len = std::min(range.len, limit - range.offset);
  return range;
}

Bytes Exercise::some_bytes(std::size_t len)
{
  Bytes bytes(len);
  std::uint64_t state = random_.below(1U << 30) | 1;

  for (std::uint8_t &byte : bytes) {
    state = state * 6364136223846793005U + 1442695040888963407U;
    byte = static_cast<std::uint8_t>(state >> 56);
  }
  return bytes;
}

void Exercise::note(const std::string &what, Range range)
{
  history_.add(std::to_string(number_) + ": " + what + " " + std::to_string(range.offset) + " +" +
               std::to_string(range.len) + ", size " + std::to_string(model_.size()));
}

void Exercise::touched(Range range)
{
  touched_ = range;
}

Wrong Exercise::compare(std::size_t offset, std::span<const std::uint8_t> found,
                        std::span<const std::uint8_t> expected) const
{
  std::size_t bad = 0;
  std::size_t first = 0;
  std::size_t last = 0;

  if (found.size() != expected.size())
    return std::to_string(found.size()) + " bytes at " + std::to_string(offset) + " instead of " +
           std::to_string(expected.size());
  if (std::equal(found.begin(), found.end(), expected.begin()))
    return {};
  for (std::size_t i = 0; i < found.size(); i++) {
    if (found[i] == expected[i])
      continue;
    first = bad++ ? first : i;
    last = i;
  }
  std::array<char, 160> text{};
  std::snprintf(text.data(), text.size(),
                "first bad offset %zu (%#zx): %#04x instead of %#04x; %zu bad bytes up to %#zx",
                offset + first, offset + first, found[first], expected[first], bad, offset + last);
  return text.data();
}

Wrong Exercise::check(Way way, Range range)
{
  if (is_mapped(way)) {
    range.offset = std::min(range.offset, model_.size());
    range.len = std::min(range.len, model_.size() - range.offset);
  }
  Bytes bytes(range.len);
  std::span<std::uint8_t> data = bytes;
  Wrong wrong = file_.read(way, range.offset, data);

  if (wrong.empty())
    wrong = compare(range.offset, data, model_.at(range.offset, range.len));
  return wrong.empty() ? wrong : std::string(name_of(way)) + ": " + wrong;
}

// Also around what was touched.
Wrong Exercise::look()
{
  std::size_t size = 0;
  Wrong wrong = file_.size(size);

  if (wrong.empty() && size != model_.size())
    wrong = "size " + std::to_string(size) + " instead of " + std::to_string(model_.size());
  if (!wrong.empty())
    return wrong;
  const Way way = phase_.way(random_);
  const std::size_t begin = round_down(touched_.offset - std::min(touched_.offset, block), sector);
  const std::size_t end = std::min(touched_.offset + touched_.len + block, settings_.max_size);

  wrong = check(way, {begin, round_up(end - begin, sector)});
  return wrong.empty() ? wrong : "looked by " + wrong;
}

Wrong Exercise::compare_server() const
{
  const Fd fd(::open(settings_.again.c_str(), O_RDONLY | O_CLOEXEC));
  Bytes bytes(settings_.max_size + 1);
  std::size_t done = 0;

  if (!fd)
    return "open " + settings_.again;
  while (done < bytes.size()) {
    const ssize_t n =
      ::pread(fd.get(), bytes.data() + done, bytes.size() - done, static_cast<off_t>(done));
    if (n <= 0)
      break;
    done += static_cast<std::size_t>(n);
  }
  return compare(0, std::span(bytes).first(done), model_.at(0, model_.size()));
}

Wrong Exercise::look_at_all(bool server)
{
  Wrong wrong = check(Way::Mapped, {0, settings_.max_size});

  if (wrong.empty())
    wrong = check(Way::Second, {0, settings_.max_size});
  if (wrong.empty() && server) {
    wrong = file_.sync(Sync::File);
    if (wrong.empty() && !settings_.again.empty()) {
      wrong = compare_server();
      wrong = wrong.empty() ? wrong : "on the server: " + wrong;
    }
  }
  if (wrong.empty())
    wrong = check(Way::Direct, {0, settings_.max_size});
  return wrong.empty() ? wrong : "looked at all, by " + wrong;
}

Wrong Exercise::do_read()
{
  const Way way = phase_.way(random_);
  const Range range = some_range(way, is_mapped(way));

  note(std::string("read ") + name_of(way), range);
  return check(way, range);
}

Wrong Exercise::do_write()
{
  const Way way = phase_.way(random_);
  const Range range = some_range(way, is_mapped(way));
  const Bytes bytes = some_bytes(range.len);

  note(std::string("write ") + name_of(way), range);
  Wrong wrong = file_.write(way, range.offset, bytes);
  if (range.len > 0)
    model_.write(range.offset, bytes);
  if (way == Way::Mapped && settings_.spill && random_.one_in(3))
    spill();
  touched(range);
  return wrong;
}

// Writes behind the end, which a mapping can in the last page: nobody may ever read it.
void Exercise::spill()
{
  const std::size_t size = model_.size();
  const Bytes bytes = some_bytes(round_up(size, block) - size);

  note("spill", {size, bytes.size()});
  file_.write(Way::Mapped, size, bytes);
}

Wrong Exercise::do_append()
{
  Range range = {model_.size(), random_.between(1, phase_.max_length())};

  range.len = std::min(range.len, settings_.max_size - range.offset);
  const Bytes bytes = some_bytes(range.len);
  note("append", range);
  Wrong wrong = file_.write(Way::Appended, 0, bytes);
  model_.write(range.offset, bytes);
  touched(range);
  return wrong;
}

Wrong Exercise::do_resize()
{
  const std::size_t old = model_.size();
  const std::size_t size = some_offset(settings_.max_size);
  const bool by_name = random_.one_in(2);
  const Range range = {std::min(old, size), std::max(old, size) - std::min(old, size)};

  note((by_name ? "truncate to " : "ftruncate to ") + std::to_string(size), range);
  Wrong wrong = file_.resize(size, by_name);
  model_.resize(size);
  touched(range);
  return wrong;
}

Wrong Exercise::do_allocate(Kind kind)
{
  const Range range = some_range(Way::First, false);

  note(name_of(kind), range);
  Wrong wrong = file_.allocate(mode_of(kind), range.offset, range.len);
  if (kind == Kind::Allocate || kind == Kind::Zero)
    model_.grow(range.offset + range.len);
  if (kind == Kind::Punch || kind == Kind::Zero || kind == Kind::ZeroKeep)
    model_.zero(range.offset, range.len);
  touched(range);
  return wrong;
}

// Whole blocks, inside the file.
Wrong Exercise::do_shift(Kind kind)
{
  Range range = some_range(Way::First, true);

  range.offset = round_down(range.offset, block);
  range.len = round_up(range.len, block);
  note(name_of(kind), range);
  if (kind == Kind::Collapse ? range.offset + range.len >= model_.size()
                             : range.len == 0 || model_.size() + range.len > settings_.max_size)
    return {};
  Wrong wrong = file_.allocate(mode_of(kind), range.offset, range.len);
  if (kind == Kind::Collapse)
    model_.collapse(range.offset, range.len);
  else
    model_.insert(range.offset, range.len);
  touched({range.offset, settings_.max_size - range.offset});
  return wrong;
}

// The ranges must not overlap.
Wrong Exercise::do_copy()
{
  const Range from = some_range(Way::First, true);
  const std::size_t to = some_offset(settings_.max_size);
  const std::size_t distance = std::max(from.offset, to) - std::min(from.offset, to);
  const std::size_t len = std::min({from.len, distance, settings_.max_size - to});

  note("copy from " + std::to_string(from.offset) + " to", {to, len});
  if (len == 0)
    return {};
  Wrong wrong = file_.copy(from.offset, to, len);
  model_.copy(from.offset, to, len);
  touched({to, len});
  return wrong;
}

// Which zeros are a hole is the file system's to say, but nothing else may be in one.
Wrong Exercise::do_seek()
{
  if (model_.size() == 0)
    return {};
  const std::size_t offset = random_.below(model_.size());
  std::size_t found = 0;
  note("seek", {offset, 0});

  Wrong wrong = file_.seek(offset, SEEK_HOLE, found);
  if (!wrong.empty())
    return "SEEK_HOLE: " + wrong;
  if (found < offset || found > model_.size())
    return "SEEK_HOLE: " + std::to_string(found);
  if (found > offset)
    return {};
  wrong = file_.seek(offset, SEEK_DATA, found);
  const bool none = wrong.ends_with("ENXIO");
  if (!wrong.empty() && !none)
    return "SEEK_DATA: " + wrong;
  const std::span<const std::uint8_t> hole =
    model_.at(offset, (none ? model_.size() : found) - offset);
  if (std::any_of(hole.begin(), hole.end(), [](std::uint8_t byte) { return byte != 0; }))
    return "SEEK_DATA: " + std::to_string(found) + " is behind data";
  return {};
}

Wrong Exercise::do_sync()
{
  static constexpr std::array<const char *, 5> names = {"fsync", "fdatasync", "syncfs", "msync",
                                                        "msync later"};
  const std::size_t how = random_.below(names.size());

  note(names.at(how), {});
  return file_.sync(static_cast<Sync>(how));
}

Wrong Exercise::do_reopen(bool empty)
{
  note(empty ? "close, open O_TRUNC" : "close, open", {});
  Wrong wrong = file_.close();
  if (wrong.empty())
    wrong = file_.open(empty ? O_TRUNC : 0);
  if (empty)
    model_.resize(0);
  return wrong;
}

Wrong Exercise::perform(Kind kind)
{
  touched_ = {};
  switch (kind) {
  case Kind::Read:
    return do_read();
  case Kind::Write:
    return do_write();
  case Kind::Append:
    return do_append();
  case Kind::Resize:
    return do_resize();
  case Kind::Collapse:
  case Kind::Insert:
    return do_shift(kind);
  case Kind::Copy:
    return do_copy();
  case Kind::Seek:
    return do_seek();
  case Kind::Sync:
    return do_sync();
  case Kind::Forget:
    note("forget", {});
    return file_.forget();
  case Kind::Reopen:
    return do_reopen(false);
  case Kind::Empty:
    return do_reopen(true);
  default:
    return do_allocate(kind);
  }
}

// Not counted as an operation.
void Exercise::spoil()
{
  const Bytes byte(1, static_cast<std::uint8_t>(model_.at(0, 1).empty() ? 1 : ~model_.at(0, 1)[0]));

  history_.add("a byte is spoiled");
  file_.write(Way::First, 0, byte);
}

Wrong Exercise::step()
{
  const Kind kind = phase_.kind(random_);

  if (number_ == settings_.spoil)
    spoil();
  done_.at(static_cast<std::size_t>(kind))++;
  Wrong wrong = perform(kind);
  if (wrong.empty() && phase_.looks(random_))
    wrong = look();
  return wrong;
}

Wrong Exercise::run_phase()
{
  Wrong wrong;

  phase_ = Phase(random_, settings_.max_size);
  for (std::uint64_t i = 0; wrong.empty() && i < phase_length && number_ < settings_.operations;
       i++) {
    number_++;
    wrong = step();
  }
  return wrong.empty() ? look_at_all(random_.one_in(2)) : wrong;
}

// Closed, and nothing else, is enough for both sides to be the same.
Wrong Exercise::finish()
{
  Wrong wrong = file_.close();

  if (wrong.empty() && !settings_.again.empty())
    wrong = compare_server();
  if (!wrong.empty())
    return "closed, on the server: " + wrong;
  wrong = file_.open(0);
  return wrong.empty() ? look_at_all(true) : wrong;
}

void Exercise::report(const Wrong &wrong)
{
  std::printf("operation %" PRIu64 ": %s\n", number_, wrong.c_str());
  if (!settings_.again.empty()) {
    const Wrong server = compare_server();
    std::printf("the server has: %s\n", server.empty() ? "the right bytes" : server.c_str());
  }
  std::printf("the last operations:\n");
  std::fflush(stdout);
  history_.show();
}

bool Exercise::run()
{
  Wrong wrong = file_.open(O_CREAT | O_TRUNC);

  while (wrong.empty() && number_ < settings_.operations)
    wrong = run_phase();
  if (wrong.empty())
    wrong = finish();
  if (!wrong.empty())
    report(wrong);
  std::printf("seed %" PRIu64 ", %" PRIu64 " operations (", settings_.seed, number_);
  for (std::size_t i = 0; i < kinds; i++)
    std::printf("%s%s %" PRIu64, i ? ", " : "", name_of(static_cast<Kind>(i)), done_.at(i));
  std::printf("): %s\n", wrong.empty() ? "good" : "wrong");
  return wrong.empty();
}

} // namespace qtfs::exerciser
