// SPDX-License-Identifier: GPL-2.0

#include "check.hh"

#include <algorithm>
#include <array>
#include <filesystem>
#include <strings.h>
#include <unistd.h>

namespace qtfs::qtcfg {

namespace {

using enum Section;

// [Mount] comes first where a name has to be looked up before.
const auto &operations()
{
  static const auto table = std::to_array<Operation>({
    {"mount", Target::Object, 0, {Mount}},
    {"lookup", Target::Object, 0, {Mount}},
    {"getattr", Target::Object, 0, {Mount}},
    {"getxattr", Target::Object, 0, {Mount}},
    {"readlink", Target::Name, 0, {Mount}},
    {"open", Target::Object, R_OK, {Mount, Open, Read}},
    {"read", Target::Object, R_OK, {Mount, Open, Read}},
    {"write", Target::Object, W_OK, {Mount, Open, Write}},
    {"readdir", Target::Object, R_OK, {Mount, Readdir}},
    {"mkdir", Target::Name, W_OK, {Mount, Mkdir}},
    {"rmdir", Target::Name, W_OK, {Mount, Rmdir}},
    {"create", Target::Name, W_OK, {Mount, Open, Write, Create}},
    {"mknod", Target::Name, W_OK, {Mount, Create}},
    {"unlink", Target::Name, W_OK, {Mount, Unlink}},
    {"rename", Target::Name, W_OK, {Mount, Rename}},
    {"link", Target::Name, W_OK, {Mount, Link}},
    {"symlink", Target::Name, W_OK, {Mount, Symlink}},
    {"setattr", Target::Object, 0, {Mount, Setattr}},
    {"setxattr", Target::Object, W_OK, {Mount, Setxattr}},
    {"kill", Target::Process, 0, {Kill}},
    {"udsconnect", Target::Object, W_OK, {Udsconnect}},
    {"remotemount", Target::Object, 0, {Remotemount}},
    {"ioctl", Target::Object, 0, {Ioctl}},
  });

  return table;
}

} // namespace

const Operation *find_operation(std::string_view name)
{
  const auto found = std::ranges::find_if(operations(), [&](const Operation &operation) {
    return operation.name.size() == name.size() &&
           strncasecmp(operation.name.data(), name.data(), name.size()) == 0;
  });

  return found == operations().end() ? nullptr : &*found;
}

std::string operation_names()
{
  std::string names;

  for (const Operation &operation : operations())
    names.append(names.empty() ? "" : " ").append(operation.name);
  return names;
}

bool Verdict::allowed() const
{
  return std::ranges::all_of(grounds, [](const Ground &ground) { return ground.by.has_value(); });
}

std::string resolve(const Operation &operation, const std::string &path)
{
  namespace fs = std::filesystem;
  std::error_code error;

  if (operation.target == Target::Process && !path.starts_with('/'))
    return path;
  fs::path given = path;
  if (!given.has_filename() && given.has_relative_path())
    given = given.parent_path(); // a slash at the end
  if (operation.target != Target::Name || given.filename() == ".." || given.filename() == ".") {
    const fs::path whole = fs::weakly_canonical(given, error);
    return error ? path : whole.string();
  }
  const fs::path directory = fs::weakly_canonical(given.parent_path(), error);
  return error ? path : (directory / given.filename()).string();
}

Verdict judge(const WhitelistText &whitelist, const Operation &operation, std::string path)
{
  Verdict verdict = {std::move(path), {}};

  for (const Section section : operation.sections) {
    Ground ground = {section, whitelist.governing(section), std::nullopt};

    if (const WhitelistItem *item = whitelist.allowing(section, verdict.path))
      ground.by = *item;
    verdict.grounds.push_back(std::move(ground));
  }
  return verdict;
}

} // namespace qtfs::qtcfg
