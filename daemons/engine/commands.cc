// SPDX-License-Identifier: GPL-2.0

#include "commands.hh"
#include "release.hh"

#include <optional>
#include <spdlog/spdlog.h>
#include <unistd.h>

namespace qtfs::engine {

namespace {

Json done()
{
  Json answer = Json::object();

  answer.set("ok", true);
  return answer;
}

Json failed(std::string_view reason)
{
  Json answer = Json::object();

  answer.set("ok", false).set("error", reason);
  return answer;
}

std::optional<Section> section_in(const Json &request)
{
  const std::optional<std::string> name = request.string("section");

  return name ? section_of(*name) : std::nullopt;
}

} // namespace

std::string Commands::put_in_force(const WhitelistText &text)
{
  const std::error_code error = enforce_(text.whitelist());

  if (error)
    return "the module doesn't take note of the whitelist: " + error.message();
  return {};
}

std::string Commands::reload()
{
  Result<WhitelistText, Whitelist::Error> text = WhitelistText::load(file_.name());

  if (!text)
    return text.error().text();
  std::string wrong = put_in_force(*text);
  if (!wrong.empty())
    return wrong;
  file_.loaded(std::move(*text));
  spdlog::info("{} loaded", file_.name());
  return {};
}

Json Commands::status() const
{
  Json answer = done();

  answer.set("version", QTFS_RELEASE).set("pid", ::getpid()).set("threads", threads_);
  answer.set("file", file_.name()).set("edited", file_.edited());
  return answer;
}

Json Commands::get() const
{
  Json answer = done();

  answer.set("file", file_.name()).set("text", file_.live().text());
  answer.set("edited", file_.edited());
  return answer;
}

Json Commands::add(const Json &request)
{
  const std::optional<Section> section = section_in(request);
  const std::optional<std::string> item = request.string("item");
  if (!section || !item)
    return failed("add: a section and an item are needed");

  Result<WhitelistText, std::string> text = file_.live().with(*section, *item);
  if (!text)
    return failed(text.error());
  Json answer = done();
  const bool changed = text->text() != file_.live().text();
  answer.set("changed", changed);
  if (!changed)
    return answer;
  const std::string wrong = put_in_force(*text);
  if (!wrong.empty())
    return failed(wrong);
  file_.edit(std::move(*text));
  spdlog::info("added {} to [{}]", *item, section_name(*section));
  return answer;
}

Json Commands::remove(const Json &request)
{
  const std::optional<Section> section = section_in(request);
  const std::optional<std::int64_t> index = request.number("index");
  if (!section || !index || *index < 0)
    return failed("remove: a section and an index are needed");

  const auto at = static_cast<std::size_t>(*index);
  Result<WhitelistText, std::string> text = file_.live().without(*section, at);
  if (!text)
    return failed(text.error());
  const std::string item = file_.live().items(*section)[at].value;
  const std::string wrong = put_in_force(*text);
  if (!wrong.empty())
    return failed(wrong);
  file_.edit(std::move(*text));
  spdlog::info("removed {} from [{}]", item, section_name(*section));
  Json answer = done();
  answer.set("item", item);
  return answer;
}

Json Commands::save()
{
  const std::string wrong = file_.save();

  if (!wrong.empty())
    return failed(wrong);
  spdlog::info("{} saved", file_.name());
  return done();
}

Json Commands::execute(const Json &request)
{
  const std::string op = request.string("op").value_or("");

  if (op == "status")
    return status();
  if (op == "get")
    return get();
  if (op == "add")
    return add(request);
  if (op == "remove")
    return remove(request);
  if (op == "save")
    return save();
  if (op == "reload") {
    const std::string wrong = reload();
    return wrong.empty() ? done() : failed(wrong);
  }
  return failed("unknown request \"" + op + "\"");
}

std::string Commands::answer(std::string_view request)
{
  const std::optional<Json> parsed = Json::parse(request);

  return (parsed ? execute(*parsed) : failed("that isn't JSON")).line();
}

} // namespace qtfs::engine
