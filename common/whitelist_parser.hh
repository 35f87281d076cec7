// SPDX-License-Identifier: GPL-2.0
//
// From a whitelist's text to its items, each with its place in the text: who
// judges needs the items alone (Whitelist), who edits the places as well
// (WhitelistText).

#ifndef QTFS_WHITELIST_PARSER_HH
#define QTFS_WHITELIST_PARSER_HH

#include <array>
#include <string>
#include <string_view>
#include <vector>

#include "whitelist.hh"

namespace qtfs {

struct WhitelistItem {
  Section section;
  std::string value; // unescaped; paths are normalised
  unsigned line;
  // Its bytes in the text, with blanks around them, without separators.
  std::size_t begin;
  std::size_t end;
};

struct ParsedWhitelist {
  std::vector<WhitelistItem> items; // as in the text
  // Behind the last line of each section, its newline included; 0: absent.
  std::array<std::size_t, section_count> end = {};
};

// @file is for messages only.
Result<ParsedWhitelist, Whitelist::Error> parse_whitelist(std::string_view text,
                                                          const std::string &file);

} // namespace qtfs

#endif
