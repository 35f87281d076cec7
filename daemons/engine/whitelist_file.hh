// SPDX-License-Identifier: GPL-2.0
//
// The whitelist of the running engine, as far as it is a text: which file it
// was read from, and what has been edited since.  Putting it in force is the
// owner's business: each change returns the whitelist to put in force first.

#ifndef QTFS_ENGINE_WHITELIST_FILE_HH
#define QTFS_ENGINE_WHITELIST_FILE_HH

#include <string>
#include <system_error>

#include "whitelist_text.hh"

namespace qtfs::engine {

class WhitelistFile {
public:
  // From the file @text was loaded from.
  explicit WhitelistFile(WhitelistText text) : saved_(text.text()), live_(std::move(text)) {}

  const std::string &name() const { return live_.file(); }
  const WhitelistText &live() const { return live_; }
  bool edited() const { return live_.text() != saved_; }

  // Another text is in force.
  void loaded(WhitelistText text)
  {
    saved_ = text.text();
    live_ = std::move(text);
  }
  void edit(WhitelistText text) { live_ = std::move(text); }

  // Writes what is in force to the file, unless somebody else has changed that
  // since.  The error is a sentence.
  std::string save();

private:
  std::string saved_; // as the file was last seen
  WhitelistText live_;
};

} // namespace qtfs::engine

#endif
