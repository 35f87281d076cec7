// SPDX-License-Identifier: GPL-2.0
//
// The new mount API: fsopen(2), fspick(2), fsconfig(2), open_tree(2), move_mount(2) and
// mount_setattr(2); fsmount(2) is the kernel's alone.  See new_mounts.hh for what it is about.

#include <algorithm>
#include <charconv>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/magic.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>

#include "host.hh"
#include "landing.hh"
#include "mount_flags.hh"
#include "new_mounts.hh"
#include "proc_stat.hh"
#include "read_all.hh"
#include "wire.h"

namespace qtfs::qtrun {

namespace {

constexpr std::size_t key_max = 256; // as the kernel has it

FileArgument place_of(const Task &task, unsigned which)
{
  return {task, task.integer(which), task.text(which + 1, QTFS_PATH_MAX)};
}

// A field of /proc/TID/@file, in the base that it's written in.
std::optional<unsigned> number_in(const Task &task, const std::string &file, std::string_view key,
                                  int base)
{
  const Fd fd = task.open_in_proc(file, O_RDONLY);
  const Result<std::string> text = fd ? read_all(fd.get()) : last_error();
  if (!text)
    return std::nullopt;
  const std::string_view value = proc_status_value(*text, key).value_or("");
  unsigned number = 0;

  if (std::from_chars(value.data(), value.data() + value.size(), number, base).ec != std::errc())
    return std::nullopt;
  return number;
}

// The very file that the task has open, which O_PATH doesn't give.  Only of a process there is
// a pidfd, not of each of its threads.
Fd file_of(const Task &task, unsigned which)
{
  const std::optional<unsigned> number = number_in(task, "status", "Tgid", 10);
  const Fd process(number ? static_cast<int>(::syscall(SYS_pidfd_open, *number, 0)) : -1);

  if (!process || !task.waits())
    return {};
  return Fd(static_cast<int>(::syscall(SYS_pidfd_getfd, process.get(), task.integer(which), 0)));
}

bool closes_on_exec(const Task &task, int number)
{
  return number_in(task, "fdinfo/" + std::to_string(number), "flags", 8).value_or(0) & O_CLOEXEC;
}

// ---- contexts ----

// Gives the program @context's file.
Answer hand_out(const World &world, std::shared_ptr<Context> context, bool inherited)
{
  Fd its(::fcntl(context->file.get(), F_DUPFD_CLOEXEC, 0));
  if (!its)
    return fail(errno);
  world.new_mounts->add(std::move(context));
  return {.file = std::move(its), .inherited = inherited};
}

// Of a type that can't be created without being told what, and is there.
Fd make_handle()
{
  return Fd(::fsopen("qtfs", FSOPEN_CLOEXEC));
}

int set(int context, fsconfig_command command, const char *key, const char *value)
{
  return ::fsconfig(context, command, key, value, 0) == 0 ? 0 : errno;
}

// One inode, the root, and one page: nobody else makes a tmpfs like that.
Result<Fd> make_stand_in(const std::string &source)
{
  static constexpr std::pair<const char *, const char *> options[] = {
    {"nr_inodes", "1"}, {"nr_blocks", "1"}, {"mode", "0500"}};
  Fd context(::fsopen("tmpfs", FSOPEN_CLOEXEC));
  int error = context ? set(context.get(), FSCONFIG_SET_STRING, "source", source.c_str()) : errno;

  for (const auto &[key, value] : options)
    error = error ? error : set(context.get(), FSCONFIG_SET_STRING, key, value);
  error = error ? error : set(context.get(), FSCONFIG_CMD_CREATE, nullptr, nullptr);
  return error ? Result<Fd>(errno_code(error)) : Result<Fd>(std::move(context));
}

bool is_stand_in(int mount)
{
  struct statfs system;
  struct stat root;

  return ::fstatfs(mount, &system) == 0 && system.f_type == TMPFS_MAGIC && system.f_files == 1 &&
         system.f_blocks == 1 && ::fstat(mount, &root) == 0 && root.st_mode == (S_IFDIR | 0500);
}

// A disk of the host is none of this machine's.  An overlay may be this machine's though its
// directories are the host's, if this machine's kernel says so.
Answer create(const Task &task, const World &world, const std::shared_ptr<Context> &context)
{
  const std::vector<MountInfo> mounts = mounts_of(task);
  const bool inherited = !closes_on_exec(task, task.integer(0));
  const Disguise disguise(task, world.proc.get(), Disguise::Namespaces);
  if (!disguise || context->picked)
    return fail(disguise ? EBUSY : EPERM);

  world.new_mounts->remove(context);
  if (!names_hosts_files(context->recipe, mounts))
    return context->is_type ? go_on() : fail(ENODEV);
  if (context->is_type && context->recipe.type == "overlay" &&
      set(context->file.get(), FSCONFIG_CMD_CREATE, nullptr, nullptr) == 0)
    return succeed();
  Result<Fd> stand_in = make_stand_in(world.new_mounts->add_stand_in(context->recipe));
  if (!stand_in)
    return fail(stand_in.error().value());
  return {.file = std::move(*stand_in), .inherited = inherited, .place = task.integer(0)};
}

// What fspick(2) has picked.
Answer reconfigure(const World &world, Context &context)
{
  const Recipe recipe = std::exchange(context.recipe, {});

  if (!context.picked)
    return context.is_type ? go_on() : fail(EBUSY);
  if (!recipe.complete)
    return fail(EOPNOTSUPP);
  return answer_with(mount_on_host(world, {.target = context.picked.get(),
                                           .flags = MS_REMOUNT | recipe.flags,
                                           .change = MS_REMOUNT | recipe.change,
                                           .options = recipe.options}));
}

// What is said is the kernel's to judge, where it knows the type.
Answer configure(Context &context, fsconfig_command command, const std::string &key,
                 const std::optional<std::string> &value)
{
  const bool is_text = command == FSCONFIG_SET_FLAG || command == FSCONFIG_SET_STRING;

  if (is_text && context.is_type)
    if (const int error =
          set(context.file.get(), command, key.c_str(), value ? value->c_str() : nullptr))
      return fail(error);
  if (command == FSCONFIG_SET_FLAG)
    context.recipe.add(key);
  else if (value && (is_text || (command == FSCONFIG_SET_PATH && value->starts_with('/'))))
    context.recipe.add(key, *value);
  else
    context.recipe.complete = false;
  return is_text ? succeed() : context.is_type ? go_on() : fail(EOPNOTSUPP);
}

// ---- places ----

constexpr std::uint32_t understood = MOVE_MOUNT_F_SYMLINKS | MOVE_MOUNT_F_AUTOMOUNTS |
                                     MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_SYMLINKS |
                                     MOVE_MOUNT_T_AUTOMOUNTS | MOVE_MOUNT_T_EMPTY_PATH;

// What move_mount(2) moves to where on the host, as the task sees it.
struct Move {
  Fd from, to;
  bool has_place = false; // what is moved; it is one of the host's mounts then
  bool is_directory = false;
  std::optional<Clone> clone; // it is a copy of a tree of the host
};

// Nothing: it is none of the host's business, and @answer says what becomes of it.
std::optional<Move> understand(const Task &task, const World &world,
                               const std::vector<MountInfo> &mounts, Answer &answer)
{
  const FileArgument from_place = place_of(task, 0), to_place = place_of(task, 2);
  const std::uint32_t flags = task.flags(4);
  const Disguise disguise(task, world.proc.get());
  Move move;

  answer = go_on();
  if (!disguise)
    return std::nullopt;
  Result<Fd> from = from_place.open(flags & MOVE_MOUNT_F_SYMLINKS ? 0 : O_NOFOLLOW,
                                    flags & MOVE_MOUNT_F_EMPTY_PATH);
  Result<Fd> to =
    to_place.open(flags & MOVE_MOUNT_T_SYMLINKS ? 0 : O_NOFOLLOW, flags & MOVE_MOUNT_T_EMPTY_PATH);
  struct stat root;
  if (!from || !to || ::fstat(from->get(), &root) != 0)
    return std::nullopt;
  const std::uint64_t number = number_of_mount(from->get());
  move.has_place = std::ranges::find(mounts, number, &MountInfo::id) != mounts.end();
  move.is_directory = S_ISDIR(root.st_mode);
  move.clone = world.new_mounts->find_clone(root.st_dev, root.st_ino);
  if (!is_hosts(to->get(), mounts)) {
    if (!move.has_place && is_stand_in(from->get()))
      answer = fail(EXDEV);
    return std::nullopt;
  }

  answer = fail(!disguise.may(CAP_SYS_ADMIN)                       ? EPERM
                : flags & ~understood                              ? EINVAL
                : move.has_place && !is_hosts(from->get(), mounts) ? EXDEV
                                                                   : 0);
  if (answer.error)
    return std::nullopt;
  move.from = std::move(*from);
  move.to = std::move(*to);
  return move;
}

// Whether the host can make what was made here, and nothing is lost by that.
bool can_be_made_anew(const MountInfo &made, int mount, const std::vector<MountInfo> &mounts)
{
  const bool is_fresh = made.type == "tmpfs" || made.type == "ramfs" || made.type == "overlay";
  struct statfs system;

  if (is_qtfs(made.type) || major(made.device) != 0)
    return false;
  if (is_fresh && std::ranges::find(mounts, made.device, &MountInfo::device) != mounts.end())
    return false; // a copy of it
  return made.type != "tmpfs" ||
         (::fstatfs(mount, &system) == 0 && system.f_files - system.f_ffree <= 1);
}

// As the *at(2) calls' flags say.
Result<Fd> open_at(const FileArgument &place, std::uint32_t flags)
{
  return place.open(flags & AT_SYMLINK_NOFOLLOW ? O_NOFOLLOW : 0, flags & AT_EMPTY_PATH);
}

// mount_setattr(2) of what is mounted at @target.  0 or an errno.
int change_on_host(const World &world, int target, const mount_attr &attributes,
                   std::uint32_t recursive)
{
  const std::uint64_t times = attributes.attr_clr & MOUNT_ATTR__ATIME;
  std::uint32_t on = flags_of_attributes(attributes.attr_set);
  std::uint32_t change = on | flags_of_attributes(attributes.attr_clr);

  if (attributes.attr_set & MOUNT_ATTR_IDMAP || (times && times != MOUNT_ATTR__ATIME) ||
      attributes.propagation & ~std::uint64_t{propagations})
    return EINVAL;
  if (times) {
    on |= access_time_of_attributes(attributes.attr_set);
    change |= access_times;
  }
  if (change)
    if (const int error = mount_on_host(world, {.target = target,
                                                .flags = MS_REMOUNT | MS_BIND | recursive | on,
                                                .change = MS_REMOUNT | change}))
      return error;
  if (!attributes.propagation)
    return 0;
  return mount_on_host(
    world,
    {.target = target, .flags = static_cast<std::uint32_t>(attributes.propagation) | recursive});
}

// A mount that has no place and is no copy of a tree of the host.
int land_made(const Landing &landing, const MountInfo &made)
{
  if (const std::optional<Recipe> recipe = landing.world.new_mounts->find_stand_in(made.source))
    return land_new(landing, *recipe);
  if (!can_be_made_anew(made, landing.from, landing.mounts))
    return EXDEV;
  return land_new(landing, Recipe::of(made));
}

} // namespace

Answer answer_fsopen(const Task &task, const World &world)
{
  const std::optional<std::string> type = task.text(0, QTFS_PATH_MAX);
  const std::uint32_t flags = task.flags(1);
  if (!type || flags & ~FSOPEN_CLOEXEC)
    return go_on();

  const Disguise disguise(task, world.proc.get(), Disguise::Namespaces);
  if (!disguise || !disguise.may(CAP_SYS_ADMIN))
    return go_on();
  const auto context = std::make_shared<Context>();
  context->recipe.type = *type;
  context->file.reset(::fsopen(type->c_str(), FSOPEN_CLOEXEC));
  context->is_type = static_cast<bool>(context->file);
  if (!context->file && errno == ENODEV)
    context->file = make_handle();
  if (!context->file)
    return fail(errno);
  return hand_out(world, context, !(flags & FSOPEN_CLOEXEC));
}

Answer answer_fspick(const Task &task, const World &world)
{
  const FileArgument place = place_of(task, 0);
  const std::uint32_t flags = task.flags(2);
  const std::vector<MountInfo> mounts = mounts_of(task);

  const Disguise disguise(task, world.proc.get());
  if (!disguise || !disguise.may(CAP_SYS_ADMIN))
    return go_on();
  Result<Fd> picked =
    place.open(flags & FSPICK_SYMLINK_NOFOLLOW ? O_NOFOLLOW : 0, flags & FSPICK_EMPTY_PATH);
  if (!picked || !is_hosts(picked->get(), mounts))
    return go_on();
  const auto context = std::make_shared<Context>();
  context->picked = std::move(*picked);
  context->file = make_handle();
  if (!context->file)
    return fail(errno);
  return hand_out(world, context, !(flags & FSPICK_CLOEXEC));
}

Answer answer_fsconfig(const Task &task, const World &world)
{
  const Fd file = file_of(task, 0);
  const std::shared_ptr<Context> context = file ? world.new_mounts->find(file.get()) : nullptr;
  if (!context)
    return go_on();
  const auto command = static_cast<fsconfig_command>(task.argument(1));
  const std::optional<std::string> key = task.text(2, key_max);
  const std::optional<std::string> value =
    command == FSCONFIG_SET_BINARY ? std::nullopt : task.text(3, QTFS_PATH_MAX);

  const std::lock_guard guard(context->lock);
  if (!task.waits())
    return fail(EINTR);
  if (command == FSCONFIG_CMD_CREATE || command > FSCONFIG_CMD_RECONFIGURE)
    return create(task, world, context);
  const Disguise disguise(task, world.proc.get());
  if (!disguise)
    return fail(EPERM);
  if (command == FSCONFIG_CMD_RECONFIGURE)
    return reconfigure(world, *context);
  return key ? configure(*context, command, *key, value) : go_on();
}

// The copy is one of qtfs here, in which the files are the host's.
Answer answer_open_tree(const Task &task, const World &world)
{
  const FileArgument place = place_of(task, 0);
  const std::uint32_t flags = task.flags(2);
  const std::vector<MountInfo> mounts = mounts_of(task);

  const Disguise disguise(task, world.proc.get());
  if (!disguise || !disguise.may(CAP_SYS_ADMIN))
    return go_on();
  const Result<Fd> file = open_at(place, flags);
  struct stat root;
  if (file && is_on_qtfs(file->get(), mounts) && ::fstat(file->get(), &root) == 0)
    world.new_mounts->add(
      Clone{root.st_dev, root.st_ino, (flags & AT_RECURSIVE) != 0, flags_of_mount(file->get())});
  return go_on();
}

Answer answer_move_mount(const Task &task, const World &world)
{
  const std::vector<MountInfo> mounts = mounts_of(task);
  Answer answer;

  const std::optional<Move> move = understand(task, world, mounts, answer);
  if (!move)
    return answer;
  const int number = task.integer(0);
  const bool inherited = !closes_on_exec(task, number);
  if (!task.waits())
    return fail(EINTR);
  std::optional<MountInfo> made;
  if (!move->has_place && !move->clone) {
    made = take(world, move->from.get());
    if (!made)
      return fail(EINVAL);
  }

  const Disguise disguise(task, world.proc.get());
  if (!disguise)
    return fail(EPERM);
  const Landing landing = {world, mounts, move->from.get(), move->to.get(),
                           path_of(world, move->to.get())};
  if (move->has_place)
    return answer_with(
      mount_on_host(world, {.target = landing.target, .source = landing.from, .flags = MS_MOVE}));
  if (const int error = made ? land_made(landing, *made) : land_clone(landing, *move->clone))
    return fail(error);
  if (!move->is_directory || !(task.flags(4) & MOVE_MOUNT_F_EMPTY_PATH))
    return succeed();
  // What the program has is the mount from now on.
  return {
    .file = landing.reopened(O_RDONLY | O_DIRECTORY), .inherited = inherited, .place = number};
}

Answer answer_mount_setattr(const Task &task, const World &world)
{
  const FileArgument place = place_of(task, 0);
  const std::uint32_t flags = task.flags(2);
  const std::vector<MountInfo> mounts = mounts_of(task);
  mount_attr attributes;
  // A longer one says what isn't known here.
  const std::optional<std::string> bytes = task.argument(4) == sizeof(attributes)
                                             ? task.read(task.argument(3), sizeof(attributes))
                                             : std::nullopt;
  if (!bytes)
    return go_on();
  bytes->copy(reinterpret_cast<char *>(&attributes), sizeof(attributes));

  const Disguise disguise(task, world.proc.get());
  if (!disguise)
    return fail(EPERM);
  const Result<Fd> file = open_at(place, flags);
  if (!file || !is_hosts(file->get(), mounts))
    return go_on();
  if (!task.waits())
    return fail(EINTR);
  return answer_with(
    change_on_host(world, file->get(), attributes, flags & AT_RECURSIVE ? MS_REC : 0));
}

} // namespace qtfs::qtrun
