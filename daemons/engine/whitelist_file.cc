// SPDX-License-Identifier: GPL-2.0

#include "whitelist_file.hh"

#include "atomic_file.hh"

namespace qtfs::engine {

std::string WhitelistFile::save()
{
  const Result<std::string, Whitelist::Error> there = Whitelist::read(name());

  if (!there)
    return there.error().text();
  if (*there != saved_)
    return name() + ": it has been changed since it was loaded, and is left alone; to load it "
                    "and drop what was edited live: qtcfg reload";
  if (const std::error_code error = replace_file(name(), live_.text()))
    return name() + ": " + error.message();
  saved_ = live_.text();
  return {};
}

} // namespace qtfs::engine
