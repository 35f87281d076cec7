// SPDX-License-Identifier: GPL-2.0
//
// Numbers, tables and histograms for people.

#ifndef QTFS_QTINFO_TEXT_HH
#define QTFS_QTINFO_TEXT_HH

#include <cstdint>
#include <string>
#include <vector>

namespace qtfs::qtinfo {

std::string human_time(std::uint64_t ns);     // "870 us", "1.2 ms", "3.4 s"
std::string human_count(double number);       // "0.7", "123", "1.2 k", "3.4 M"
std::string human_bytes(std::uint64_t bytes); // "0 B", "1.2 KiB"
std::string error_name(int number);           // "EACCES"; "0"

// Columns that line up: the first to the left, the others to the right.
class Table {
public:
  explicit Table(std::vector<std::string> head) { rows_.push_back(std::move(head)); }
  void add(std::vector<std::string> row) { rows_.push_back(std::move(row)); }
  bool empty() const { return rows_.size() == 1; }
  std::string text() const;

private:
  std::vector<std::vector<std::string>> rows_;
};

// A line for each bucket from the first to the last that has something in it.
std::string histogram(const std::vector<std::uint64_t> &buckets, unsigned width = 40);

// Where colours are wanted: standard output is a terminal and NO_COLOR isn't set.
class Style {
public:
  Style();
  explicit Style(bool colours) : colours_(colours) {}
  std::string good(const std::string &text) const { return paint("32", text); }
  std::string bad(const std::string &text) const { return paint("31;1", text); }
  std::string doubtful(const std::string &text) const { return paint("33", text); }
  std::string bold(const std::string &text) const { return paint("1", text); }

private:
  std::string paint(const char *code, const std::string &text) const;

  bool colours_;
};

} // namespace qtfs::qtinfo

#endif
