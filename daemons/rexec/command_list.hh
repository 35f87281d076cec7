// SPDX-License-Identifier: GPL-2.0
//
// /etc/rexec/whitelist: which commands the other machine may have executed
// here, with which arguments, and which of its environment they see.
//
// One command per line, optionally with a pattern for each argument; words are
// separated by blanks, and quoted as in a shell.  "..." at the end stands for
// any further arguments, "" alone for none at all; without patterns all
// arguments are allowed.  Lines "@env NAME..." name variables that are passed
// on.  Comment lines begin with '#'.  Whatever isn't understood is an error.

#ifndef QTFS_REXEC_COMMAND_LIST_HH
#define QTFS_REXEC_COMMAND_LIST_HH

#include <string>
#include <string_view>
#include <vector>

#include "result.hh"

namespace qtfs::rexec {

inline constexpr const char *default_path =
  "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

class CommandList {
public:
  static constexpr std::size_t max_file = 1 << 20;

  // Errors are sentences that name the file, and the line.
  static Result<CommandList, std::string> load(const std::string &file);
  static Result<CommandList, std::string> parse(std::string_view text, const std::string &file);

  enum class Verdict { Allowed, Unlisted, Arguments };
  // @path is where the command really is: absolute, without symbolic links.
  Verdict judge(const std::string &path, const std::vector<std::string> &argv) const;

  // Whether a variable, NAME=VALUE, is passed on.
  bool passes(std::string_view variable) const;

  const std::string &file() const { return file_; }
  std::size_t size() const { return entries_.size(); }
  // What is probably not meant; sentences.
  const std::vector<std::string> &warnings() const { return warnings_; }

private:
  struct Entry {
    std::string path;
    // The entry is another name of the path, as with busybox: then only that one is meant.
    std::string alias;
    bool any_arguments = true;
    bool more_arguments = false;
    std::vector<std::string> patterns;
  };

  std::string parse_line(std::string_view line);
  std::string add_entry(std::vector<std::string> words);
  std::string add_variables(const std::vector<std::string> &words);

  std::string file_;
  std::vector<Entry> entries_;
  std::vector<std::string> variables_; // a '*' at the end stands for all that begin so
  std::vector<std::string> warnings_;
};

} // namespace qtfs::rexec

#endif
