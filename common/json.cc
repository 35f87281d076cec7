// SPDX-License-Identifier: GPL-2.0

#include "json.hh"

#include <json-c/json.h>
#include <limits>

namespace qtfs {

void Json::Put::operator()(json_object *object) const
{
  json_object_put(object);
}

Json Json::object()
{
  return Json(json_object_new_object());
}

Json Json::array()
{
  return Json(json_object_new_array());
}

std::optional<Json> Json::parse(std::string_view text)
{
  const std::unique_ptr<json_tokener, decltype(&json_tokener_free)> tokener(json_tokener_new(),
                                                                            &json_tokener_free);

  if (!tokener || text.size() >= std::numeric_limits<int>::max() ||
      text.find('\0') != std::string_view::npos)
    return std::nullopt;
  json_tokener_set_flags(tokener.get(), JSON_TOKENER_STRICT);
  // With the NUL: else a number might go on.
  Json value(json_tokener_parse_ex(tokener.get(), std::string(text).c_str(),
                                   static_cast<int>(text.size()) + 1));
  if (json_tokener_get_error(tokener.get()) != json_tokener_success)
    return std::nullopt;
  return value;
}

Json::Json(std::string_view text)
    : object_(json_object_new_string_len(text.data(), static_cast<int>(text.size())))
{
}

Json::Json(bool flag) : object_(json_object_new_boolean(flag)) {}
Json::Json(double number) : object_(json_object_new_double(number)) {}
Json::Json(Unsigned number) : object_(json_object_new_uint64(number.value)) {}
Json::Json(Signed number) : object_(json_object_new_int64(number.value)) {}

Json &Json::set(const std::string &key, Json value)
{
  json_object_object_add(object_.get(), key.c_str(), value.object_.release());
  return *this;
}

Json &Json::push(Json value)
{
  json_object_array_add(object_.get(), value.object_.release());
  return *this;
}

json_object *Json::member(const std::string &key) const
{
  json_object *found = nullptr;

  json_object_object_get_ex(object_.get(), key.c_str(), &found);
  return found;
}

std::optional<std::string> Json::string(const std::string &key) const
{
  json_object *found = member(key);

  if (!json_object_is_type(found, json_type_string))
    return std::nullopt;
  return std::string(json_object_get_string(found),
                     static_cast<std::size_t>(json_object_get_string_len(found)));
}

std::optional<std::int64_t> Json::number(const std::string &key) const
{
  json_object *found = member(key);

  if (!json_object_is_type(found, json_type_int))
    return std::nullopt;
  return json_object_get_int64(found);
}

bool Json::flag(const std::string &key) const
{
  json_object *found = member(key);

  return json_object_is_type(found, json_type_boolean) && json_object_get_boolean(found);
}

std::string Json::line() const
{
  return json_object_to_json_string_ext(object_.get(),
                                        JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE);
}

std::string Json::pretty() const
{
  return json_object_to_json_string_ext(object_.get(), JSON_C_TO_STRING_PRETTY |
                                                         JSON_C_TO_STRING_SPACED |
                                                         JSON_C_TO_STRING_NOSLASHESCAPE);
}

} // namespace qtfs
