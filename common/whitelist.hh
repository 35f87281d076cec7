// SPDX-License-Identifier: GPL-2.0
//
// The whitelist: which paths of this machine the other one may use, and how.
//
// A key file as GLib's: comment lines begin with '#', sections are named after
// operations, the only key is Path, whose value is a list of items separated
// by ';'. A key may be repeated, which adds to the list. In an item "\;" is a
// semicolon, "\\" a backslash and "\s" a space; blanks around it don't count.
//
// Whatever isn't understood is an error: a whitelist that means less or more
// than its author thinks is worse than none.

#ifndef QTFS_WHITELIST_HH
#define QTFS_WHITELIST_HH

#include <array>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "result.hh"

namespace qtfs {

enum class Section {
  Open,
  Read,
  Write,
  Readdir,
  Mkdir,
  Rmdir,
  Create,
  Unlink,
  Rename,
  Setattr,
  Setxattr,
  Mount,
  Kill, // items are paths of programs, or names of processes
  Udsconnect,
  Link,        // absent: as Create
  Symlink,     // absent: as Create
  Remotemount, // absent: as Mount
  Ioctl,
};

inline constexpr std::size_t section_count = 18;

std::string_view section_name(Section section);
std::optional<Section> section_of(std::string_view name); // in any case

// Which section governs while @section is missing: itself, but for those that
// are younger than the files people have.
Section governor(Section section);

// Whether @path is @item or lies below it; both are normalised.
bool path_covers(std::string_view item, std::string_view path);

struct ParsedWhitelist;

class Whitelist {
public:
  static constexpr std::size_t max_line = 65536;
  static constexpr std::size_t max_path = 4095;
  static constexpr std::size_t max_file = 8 << 20;

  struct Error {
    std::string file;
    unsigned line = 0; // 0: the file as a whole
    std::string reason;
    int code = 0; // errno, where the file couldn't be read

    std::string text() const; // "file:line: reason"
  };

  Whitelist() = default;
  explicit Whitelist(const ParsedWhitelist &parsed);

  static Result<Whitelist, Error> load(const std::string &file);
  // The text of @file, a regular one of at most max_file bytes.
  static Result<std::string, Error> read(const std::string &file);
  // @file is for messages only.
  static Result<Whitelist, Error> parse(std::string_view text, const std::string &file);

  // Whether an item of the section that governs is @path or a directory above.
  bool allows(Section section, std::string_view path) const;
  // Whether an item of [Kill] is the process's @name, or covers the path of its @program,
  // which is empty if it has none.
  bool allows_process(std::string_view name, std::string_view program) const;

  // The items of the section that governs, sorted, without redundant ones.
  const std::vector<std::string> &items(Section section) const;

private:
  struct List {
    bool present = false;
    std::vector<std::string> items;
  };

  List &list(Section section);
  const List &list(Section section) const;
  const List &governing(Section section) const;
  void finish();

  std::array<List, section_count> lists_;
};

} // namespace qtfs

#endif
