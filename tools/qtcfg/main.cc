// SPDX-License-Identifier: GPL-2.0
//
// qtcfg: the whitelist, live.
//
// Exit status: 0 done, or allowed; 1 not done, or refused; 2 the command line is wrong,
// or (check) it could not be told.

#include <chrono>
#include <cstdio>
#include <cstring>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include "check.hh"
#include "options.hh"
#include "permissions.hh"
#include "whitelist_text.hh"

namespace qtfs::qtcfg {

namespace {

constexpr auto answer_limit = std::chrono::seconds(5);
constexpr const char *default_file = "/etc/qtfs/whitelist";
constexpr int done = 0;
constexpr int failed = 1;
constexpr int unknown = 2;

int complain(std::string_view text, int status = failed)
{
  fmt::print(stderr, "qtcfg: {}\n", text);
  return status;
}

Result<Json, std::string> ask(const Options &options, const Json &request)
{
  return control_ask(options.control, request, answer_limit);
}

Json request(const char *op)
{
  Json request = Json::object();

  request.set("op", op);
  return request;
}

// What is in force.
Result<WhitelistText, std::string> live(const Options &options)
{
  const Result<Json, std::string> answer = ask(options, request("get"));
  if (!answer)
    return answer.error();
  Result<WhitelistText, Whitelist::Error> text = WhitelistText::parse(
    answer->string("text").value_or(""), answer->string("file").value_or("(live)"));
  if (!text)
    return text.error().text();
  return std::move(*text);
}

int tell(const Options &options, const Json &answer, const std::string &text)
{
  if (options.json)
    fmt::print("{}\n", answer.pretty());
  else if (!text.empty())
    fmt::print("{}\n", text);
  return done;
}

// ---- list ----

Json items_json(const WhitelistText &whitelist, Section section)
{
  Json items = Json::array();

  for (const WhitelistItem &item : whitelist.items(section)) {
    Json entry = Json::object();
    entry.set("path", item.value).set("line", item.line);
    items.push(std::move(entry));
  }
  Json json = Json::object();
  json.set("section", section_name(section)).set("present", whitelist.has(section));
  json.set("governed_by", section_name(whitelist.governing(section)));
  json.set("items", std::move(items));
  return json;
}

void print_items(const WhitelistText &whitelist, Section section)
{
  const Section governing = whitelist.governing(section);
  const std::vector<WhitelistItem> items = whitelist.items(section);

  fmt::print("[{}]", section_name(section));
  if (governing != section)
    fmt::print(" isn't there: [{}] governs", section_name(governing));
  else if (items.empty())
    fmt::print(" allows nothing");
  fmt::print("\n");
  for (std::size_t i = 0; i < items.size(); i++)
    fmt::print("  [index:{}][path:{}]  line {}\n", i, items[i].value, items[i].line);
}

int list(const Options &options)
{
  const Result<WhitelistText, std::string> whitelist = live(options);
  if (!whitelist)
    return complain(whitelist.error());

  Json all = Json::array();
  for (std::size_t i = 0; i < section_count; i++) {
    const auto section = static_cast<Section>(i);

    if (options.section && section != *options.section)
      continue;
    if (options.json)
      all.push(items_json(*whitelist, section));
    else
      print_items(*whitelist, section);
  }
  if (options.json)
    fmt::print("{}\n", all.pretty());
  return done;
}

// ---- changes ----

int save(const Options &options)
{
  const Result<Json, std::string> answer = ask(options, request("save"));

  return answer ? tell(options, *answer, "saved") : complain(answer.error());
}

// After a change: where it is now.
int finish_change(const Options &options, const Json &answer, const std::string &text)
{
  if (options.save) {
    const Result<Json, std::string> saved = ask(options, request("save"));
    if (!saved)
      return complain("it is in force, but not saved: " + saved.error());
  }
  return tell(options, answer,
              text + (options.save ? ", saved" : ", until the engine ends (--save keeps it)"));
}

int add(const Options &options)
{
  Json command = request("add");
  command.set("section", section_name(*options.section)).set("item", options.item);
  const Result<Json, std::string> answer = ask(options, command);
  if (!answer)
    return complain(answer.error());

  return finish_change(options, *answer,
                       fmt::format("{} {} [{}]", options.item,
                                   answer->flag("changed") ? "added to" : "was already in",
                                   section_name(*options.section)));
}

int remove(const Options &options)
{
  Json command = request("remove");
  command.set("section", section_name(*options.section)).set("index", options.index);
  const Result<Json, std::string> answer = ask(options, command);
  if (!answer)
    return complain(answer.error());

  const std::string item = answer->string("item").value_or("?");
  // Another item may cover it.
  const Result<WhitelistText, std::string> now = live(options);
  const WhitelistItem *still = now ? now->allowing(*options.section, item) : nullptr;
  if (still)
    fmt::print(stderr, "qtcfg: {} is still allowed by {}:{}: {}\n", item, now->file(), still->line,
               still->value);
  return finish_change(options, *answer,
                       fmt::format("removed {} from [{}]", item, section_name(*options.section)));
}

int reload(const Options &options)
{
  const Result<Json, std::string> answer = ask(options, request("reload"));

  return answer ? tell(options, *answer, "loaded")
                : complain(answer.error() + "\nqtcfg: what was in force stays");
}

int show(const Options &options)
{
  const Result<Json, std::string> answer = ask(options, request("get"));
  if (!answer)
    return complain(answer.error());
  if (options.json)
    return tell(options, *answer, "");
  fmt::print("{}", answer->string("text").value_or(""));
  return done;
}

// ---- validate ----

std::vector<std::string> doubts(const WhitelistText &whitelist)
{
  std::vector<std::string> doubts;
  struct stat st;

  if (::stat(whitelist.file().c_str(), &st) == 0 &&
      (st.st_uid != 0 || (st.st_mode & (S_IWGRP | S_IWOTH))))
    doubts.push_back(whitelist.file() + ": others than root can change it");
  if (whitelist.items(Section::Mount).empty())
    doubts.push_back(whitelist.file() + ": nothing in [Mount], so nothing can be mounted");
  for (std::size_t i = 0; i < section_count; i++) {
    const auto section = static_cast<Section>(i);
    if (!whitelist.has(section))
      continue;
    for (const WhitelistItem &item : whitelist.items(section))
      if (item.value.starts_with('/') && ::lstat(item.value.c_str(), &st) != 0 && errno == ENOENT)
        doubts.push_back(
          fmt::format("{}:{}: {} isn't there (yet)", whitelist.file(), item.line, item.value));
  }
  return doubts;
}

int validate(const Options &options)
{
  const std::string file = options.file.empty() ? default_file : options.file;
  const Result<WhitelistText, Whitelist::Error> whitelist = WhitelistText::load(file);
  Json answer = Json::object();

  answer.set("file", file).set("good", static_cast<bool>(whitelist));
  if (!whitelist) {
    answer.set("line", whitelist.error().line).set("error", whitelist.error().reason);
    if (options.json)
      tell(options, answer, "");
    else
      complain(whitelist.error().text());
    return failed;
  }
  Json warnings = Json::array();
  for (const std::string &doubt : doubts(*whitelist)) {
    if (!options.json)
      fmt::print(stderr, "qtcfg: {}\n", doubt);
    warnings.push(doubt);
  }
  answer.set("warnings", std::move(warnings));
  return tell(options, answer, file + ": no mistakes");
}

// ---- check ----

// By the file that was named, else by what is in force, else by the usual file.
Result<WhitelistText, std::string> whitelist_to_check(const Options &options)
{
  std::string file = options.file;

  if (file.empty()) {
    Result<WhitelistText, std::string> text = live(options);
    if (text)
      return text;
    file = default_file;
    fmt::print(stderr, "qtcfg: {}\nqtcfg: judging by {}\n", text.error(), file);
  }
  Result<WhitelistText, Whitelist::Error> text = WhitelistText::load(file);
  if (!text)
    return text.error().text();
  return std::move(*text);
}

void print_verdict(const WhitelistText &whitelist, const Verdict &verdict)
{
  for (const Ground &ground : verdict.grounds) {
    const std::string name = fmt::format("[{}]", section_name(ground.governing));

    if (ground.by)
      fmt::print("  {:<13} allowed by {}:{}: {}\n", name, whitelist.file(), ground.by->line,
                 ground.by->value);
    else
      fmt::print("  {:<13} refused: {}; to allow it: qtcfg -w {} -x {}\n", name,
                 whitelist.has(ground.governing) ? "no item covers it" : "there is no such section",
                 section_name(ground.section), verdict.path);
  }
}

Json verdict_json(const WhitelistText &whitelist, const Verdict &verdict)
{
  Json grounds = Json::array();

  for (const Ground &ground : verdict.grounds) {
    Json json = Json::object();
    json.set("section", section_name(ground.governing)).set("allowed", ground.by.has_value());
    if (ground.by)
      json.set("line", ground.by->line).set("item", ground.by->value);
    grounds.push(std::move(json));
  }
  Json json = Json::object();
  json.set("path", verdict.path).set("file", whitelist.file());
  json.set("sections", std::move(grounds));
  return json;
}

int check(const Options &options)
{
  const Operation &operation = *find_operation(options.operation);
  if (operation.target != Target::Process && !options.item.starts_with('/'))
    return complain("\"" + options.item + R"(" doesn't begin with "/")", unknown);
  const Result<WhitelistText, std::string> whitelist = whitelist_to_check(options);
  if (!whitelist)
    return complain(whitelist.error(), unknown);

  const Verdict verdict = judge(*whitelist, operation, resolve(operation, options.item));
  int error = 0;
  if (!options.uid.empty()) {
    if (::geteuid() != 0)
      return complain("--uid: only root can try what another user may", unknown);
    const Result<User, std::string> user = find_user(options.uid);
    if (!user)
      return complain("--uid: " + user.error(), unknown);
    error = try_access(*user, operation, verdict.path);
  }

  const bool allowed = verdict.allowed() && error == 0;
  if (options.json) {
    Json json = verdict_json(*whitelist, verdict);
    json.set("operation", operation.name).set("allowed", allowed);
    if (!options.uid.empty())
      json.set("uid", options.uid).set("errno", error);
    fmt::print("{}\n", json.pretty());
    return allowed ? done : failed;
  }
  fmt::print("{}: {} {}\n", allowed ? "allowed" : "refused", operation.name, verdict.path);
  print_verdict(*whitelist, verdict);
  if (!options.uid.empty())
    fmt::print("  user {:<8} {}\n", options.uid,
               error ? fmt::format("refused by this machine: {}", std::strerror(error))
                     : std::string("allowed by this machine"));
  return allowed ? done : failed;
}

int run(const Options &options)
{
  switch (options.command) {
  case Command::List:
    return list(options);
  case Command::Add:
    return add(options);
  case Command::Remove:
    return remove(options);
  case Command::Save:
    return save(options);
  case Command::Reload:
    return reload(options);
  case Command::Show:
    return show(options);
  case Command::Validate:
    return validate(options);
  case Command::Check:
    return check(options);
  }
  return unknown;
}

} // namespace

} // namespace qtfs::qtcfg

int main(int argc, char **argv)
{
  using namespace qtfs;

  const Result<qtcfg::Options, int> options = qtcfg::parse_options(argc, argv);
  if (!options)
    return options.error();
  return qtcfg::run(*options);
}
