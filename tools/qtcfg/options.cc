// SPDX-License-Identifier: GPL-2.0

#include "options.hh"

#include "check.hh"
#include "cli.hh"
#include "release.hh"

namespace qtfs::qtcfg {

namespace {

std::string check_section(const std::string &name)
{
  if (section_of(name))
    return {};
  std::string names;
  for (std::size_t i = 0; i < section_count; i++)
    names.append(i ? " " : "").append(section_name(static_cast<Section>(i)));
  return "there is no section \"" + name + "\": there are " + names;
}

std::string check_operation(const std::string &name)
{
  if (find_operation(name))
    return {};
  return "there is no operation \"" + name + "\": there are " + operation_names();
}

// -w TYPE with one of -x PATH, -y INDEX, -z [TYPE].
struct Historical {
  CLI::Option *type;
  CLI::Option *add;
  CLI::Option *remove;
  CLI::Option *list;

  bool used() const { return add->count() || remove->count() || list->count(); }
};

} // namespace

Result<Options, int> parse_options(int argc, const char *const *argv)
{
  Options options;
  std::string type;
  std::string list_type;

  CLI::App app("Shows, changes and checks what clients of qtfs may do on this machine. What is "
               "changed is in force at once, until the engine ends; --save keeps it.",
               "qtcfg");
  app.require_subcommand(0, 1);
  app.fallthrough();
  app.set_help_all_flag("--help-all", "Help on all commands");
  app.set_version_flag("--version", "qtcfg " QTFS_RELEASE);
  app.add_flag("--json", options.json, "Answer in JSON");
  app.add_flag("--save", options.save, "Write what is in force to the whitelist's file, too");
  app.add_option("--control", options.control, "The engine's socket")
    ->type_name("SOCKET")
    ->capture_default_str();

  const CLI::Validator section(check_section, "", "section");
  const CLI::Validator operation(check_operation, "", "operation");
  Historical old = {};
  old.type = app.add_option("-w", type, "Section")->type_name("TYPE")->check(section);
  old.add = app.add_option("-x", options.item, "As add TYPE PATH")->type_name("PATH");
  old.remove = app.add_option("-y", options.index, "As remove TYPE INDEX")
                 ->check(CLI::NonNegativeNumber)
                 ->type_name("INDEX");
  old.list = app.add_option("-z", list_type, "As list TYPE")->expected(0, 1)->type_name("[TYPE]");
  old.add->excludes(old.remove)->excludes(old.list);
  old.remove->excludes(old.list);

  CLI::App *list = app.add_subcommand("list", "Lists a section's items, or all");
  list->add_option("TYPE", type, "Section")->check(section);
  CLI::App *add = app.add_subcommand("add", "Allows TYPE for PATH and what lies below");
  add->add_option("TYPE", type, "Section")->required()->check(section);
  add->add_option("PATH", options.item, "An absolute path; for kill a process")->required();
  CLI::App *remove = app.add_subcommand("remove", "Removes an item");
  remove->add_option("TYPE", type, "Section")->required()->check(section);
  remove->add_option("INDEX", options.index, "As list shows it")
    ->required()
    ->check(CLI::NonNegativeNumber);
  app.add_subcommand("save", "Writes what is in force to the whitelist's file");
  app.add_subcommand("reload", "Loads the file; what was changed and not saved is gone");
  app.add_subcommand("show", "Shows the whitelist that is in force");
  CLI::App *validate = app.add_subcommand("validate", "Looks for mistakes in a file");
  validate->add_option("FILE", options.file, "Instead of /etc/qtfs/whitelist");
  CLI::App *check = app.add_subcommand("check", "Tells whether an operation is allowed, and by "
                                                "which lines; exit status 1: it is refused");
  check->add_option("OPERATION", options.operation, operation_names())
    ->required()
    ->check(operation);
  check->add_option("PATH", options.item, "An absolute path of this machine")->required();
  check->add_option("--uid", options.uid, "Ask this machine's permissions, too, for a user")
    ->type_name("USER");
  check->add_option("--file", options.file, "Judge by this file, not by what is in force");

  if (const std::optional<int> status = parse_command_line(app, argc, argv))
    return *status;

  const std::vector<CLI::App *> chosen = app.get_subcommands();
  if (!chosen.empty() && old.used())
    return complain(app, "either a command or one of -x, -y and -z");
  if (chosen.empty() && !old.used()) {
    std::cout << app.help();
    return usage_error;
  }

  if (!list_type.empty()) {
    const std::string unknown = check_section(list_type);
    if (!unknown.empty())
      return complain(app, unknown);
    type = list_type;
  }
  options.section = section_of(type);
  if (chosen.empty()) {
    options.command = old.add->count()      ? Command::Add
                      : old.remove->count() ? Command::Remove
                                            : Command::List;
    if (options.command != Command::List && !options.section)
      return complain(app, "-w TYPE is needed");
    return options;
  }
  constexpr std::pair<const char *, Command> commands[] = {
    {"list", Command::List},         {"add", Command::Add},       {"remove", Command::Remove},
    {"save", Command::Save},         {"reload", Command::Reload}, {"show", Command::Show},
    {"validate", Command::Validate}, {"check", Command::Check},
  };
  for (const auto &[name, command] : commands)
    if (chosen.front()->get_name() == name)
      options.command = command;
  return options;
}

} // namespace qtfs::qtcfg
