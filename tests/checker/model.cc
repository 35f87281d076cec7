// SPDX-License-Identifier: GPL-2.0

#include "model.hh"

#include <algorithm>
#include <cerrno>

namespace qtfs::checker {

namespace {

void collect(const Inode &directory, const std::string &prefix, std::vector<std::string> &out)
{
  for (const auto &[name, inode] : directory.children) {
    out.push_back(prefix + name);
    if (inode->kind == Kind::Directory)
      collect(*inode, prefix + name + "/", out);
  }
}

bool contains(const Inode &directory, const Inode *what)
{
  return std::any_of(directory.children.begin(), directory.children.end(), [&](const auto &child) {
    return child.second.get() == what ||
           (child.second->kind == Kind::Directory && contains(*child.second, what));
  });
}

} // namespace

Model::Model() : root_(std::make_shared<Inode>())
{
  root_->kind = Kind::Directory;
  root_->mode = 0755;
}

// A symbolic link on the way leads nowhere: what they are made to lead to isn't there.
int Model::resolve(const std::string &path, Ref &inode) const
{
  inode = root_;
  for (std::size_t begin = 0; begin < path.size();) {
    const std::size_t end = std::min(path.find('/', begin), path.size());

    if (inode->kind != Kind::Directory)
      return inode->kind == Kind::File ? ENOTDIR : ENOENT;
    const auto child = inode->children.find(path.substr(begin, end - begin));
    if (child == inode->children.end())
      return ENOENT;
    inode = child->second;
    begin = end + 1;
  }
  return 0;
}

Ref Model::find(const std::string &path) const
{
  Ref inode;

  return resolve(path, inode) == 0 ? inode : nullptr;
}

std::vector<std::string> Model::paths() const
{
  std::vector<std::string> out;

  collect(*root_, "", out);
  return out;
}

int Model::parent(const std::string &path, Ref &directory, std::string &name) const
{
  const std::size_t slash = path.rfind('/');

  name = path.substr(slash == std::string::npos ? 0 : slash + 1);
  if (const int error = resolve(slash == std::string::npos ? "" : path.substr(0, slash), directory))
    return error;
  if (directory->kind != Kind::Directory)
    return directory->kind == Kind::File ? ENOTDIR : ENOENT;
  return 0;
}

int Model::insert(const std::string &path, const Ref &inode)
{
  Ref directory;
  std::string name;

  if (const int error = parent(path, directory, name))
    return error;
  return directory->children.try_emplace(name, inode).second ? 0 : EEXIST;
}

int Model::mkdir(const std::string &path, unsigned mode)
{
  const Ref inode = std::make_shared<Inode>();

  inode->kind = Kind::Directory;
  inode->mode = mode;
  return insert(path, inode);
}

int Model::create(const std::string &path, unsigned mode, Ref &made)
{
  made = std::make_shared<Inode>();
  made->mode = mode;
  return insert(path, made);
}

int Model::symlink(const std::string &target, const std::string &path)
{
  const Ref inode = std::make_shared<Inode>();

  inode->kind = Kind::Link;
  inode->mode = 0777;
  inode->data = target;
  return insert(path, inode);
}

int Model::link(const std::string &from, const std::string &to)
{
  Ref inode, directory;
  std::string name;

  if (const int error = resolve(from, inode))
    return error;
  if (const int error = parent(to, directory, name))
    return error;
  if (directory->children.contains(name))
    return EEXIST;
  if (inode->kind == Kind::Directory)
    return EPERM;
  directory->children[name] = inode;
  inode->links++;
  return 0;
}

int Model::unlink(const std::string &path)
{
  Ref inode, directory;
  std::string name;

  if (const int error = resolve(path, inode))
    return error;
  if (inode->kind == Kind::Directory)
    return EISDIR;
  parent(path, directory, name);
  directory->children.erase(name);
  inode->links--;
  return 0;
}

int Model::rmdir(const std::string &path)
{
  Ref inode, directory;
  std::string name;

  if (const int error = resolve(path, inode))
    return error;
  if (inode->kind != Kind::Directory)
    return ENOTDIR;
  if (!inode->children.empty())
    return ENOTEMPTY;
  parent(path, directory, name);
  directory->children.erase(name);
  return 0;
}

int Model::rename(const std::string &from, const std::string &to, bool noreplace)
{
  const Ref moved = find(from), there = find(to);
  Ref old_directory, new_directory;
  std::string old_name, new_name;

  if (const int error = parent(from, old_directory, old_name))
    return error;
  if (const int error = parent(to, new_directory, new_name))
    return error;
  if (!moved)
    return ENOENT;
  if (there && noreplace)
    return EEXIST;
  if (moved->kind == Kind::Directory &&
      (moved == new_directory || contains(*moved, new_directory.get())))
    return EINVAL;
  if (there && there->kind == Kind::Directory &&
      (there == old_directory || contains(*there, old_directory.get())))
    return ENOTEMPTY;
  if (there == moved)
    return 0;
  if (there && there->kind == Kind::Directory && moved->kind != Kind::Directory)
    return EISDIR;
  if (there && there->kind != Kind::Directory && moved->kind == Kind::Directory)
    return ENOTDIR;
  if (there && there->kind == Kind::Directory && !there->children.empty())
    return ENOTEMPTY;
  if (there)
    there->links--;
  old_directory->children.erase(old_name);
  new_directory->children[new_name] = moved;
  return 0;
}

void Model::write(Inode &file, std::uint64_t offset, const std::string &data)
{
  if (data.empty())
    return;
  if (file.data.size() < offset + data.size())
    file.data.resize(offset + data.size());
  file.data.replace(offset, data.size(), data);
}

void Model::truncate(Inode &file, std::uint64_t size)
{
  file.data.resize(size);
}

unsigned Model::links(const Inode &inode)
{
  if (inode.kind != Kind::Directory)
    return inode.links;
  return 2 + static_cast<unsigned>(
               std::count_if(inode.children.begin(), inode.children.end(), [](const auto &child) {
                 return child.second->kind == Kind::Directory;
               }));
}

} // namespace qtfs::checker
