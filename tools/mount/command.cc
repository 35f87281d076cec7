// SPDX-License-Identifier: GPL-2.0

#include "command.hh"

#include <unistd.h>

namespace qtfs::mount {

void become(std::vector<std::string> words)
{
  std::vector<char *> argv;

  argv.reserve(words.size() + 1);
  for (std::string &word : words)
    argv.push_back(word.data());
  argv.push_back(nullptr);
  ::execvp(argv[0], argv.data());
}

} // namespace qtfs::mount
