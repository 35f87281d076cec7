// SPDX-License-Identifier: GPL-2.0
//
// A whitelist as a text that can be edited.  An edit changes what it has to
// and leaves the author's comments and order alone.  It gives a new text, which
// is parsed like any other: what is in force is what a file with it would be.

#ifndef QTFS_WHITELIST_TEXT_HH
#define QTFS_WHITELIST_TEXT_HH

#include <string>
#include <string_view>
#include <vector>

#include "whitelist_parser.hh"

namespace qtfs {

class WhitelistText {
public:
  using Error = Whitelist::Error;

  static Result<WhitelistText, Error> load(const std::string &file);
  static Result<WhitelistText, Error> parse(std::string text, std::string file);

  const std::string &text() const { return text_; }
  const std::string &file() const { return file_; }
  Whitelist whitelist() const { return Whitelist(parsed_); }

  bool has(Section section) const { return parsed_.end[static_cast<std::size_t>(section)] != 0; }
  // The section that governs: itself, or another one where it is missing.
  Section governing(Section section) const { return has(section) ? section : governor(section); }
  // The items of the section that governs, in the order of the text.
  std::vector<WhitelistItem> items(Section section) const;
  // The first of them that covers @path; nullptr: none.
  const WhitelistItem *allowing(Section section, std::string_view path) const;

  // With @value, a path or a process, in the section.  The same text if it is
  // there already.  A section that is missing begins with what has governed it,
  // so that more is allowed than before, and never less.
  Result<WhitelistText, std::string> with(Section section, std::string_view value) const;

  // Without the item that items() has at @index.
  Result<WhitelistText, std::string> without(Section section, std::size_t index) const;

private:
  WhitelistText(std::string text, std::string file, ParsedWhitelist parsed)
      : text_(std::move(text)), file_(std::move(file)), parsed_(std::move(parsed))
  {
  }
  Result<WhitelistText, std::string> edited(std::string text) const;

  std::string text_;
  std::string file_;
  ParsedWhitelist parsed_;
};

} // namespace qtfs

#endif
