// SPDX-License-Identifier: GPL-2.0
//
// JSON, as far as it is needed here: json-c with owners.

#ifndef QTFS_JSON_HH
#define QTFS_JSON_HH

#include <concepts>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

struct json_object;

namespace qtfs {

class Json {
public:
  static Json object();
  static Json array();
  // Nothing if that is not one whole value.
  static std::optional<Json> parse(std::string_view text);

  Json(std::string_view text);
  Json(const char *text) : Json(std::string_view(text)) {}
  Json(const std::string &text) : Json(std::string_view(text)) {}
  Json(bool flag);
  Json(double number);
  template <std::unsigned_integral T>
  requires(!std::same_as<T, bool>) Json(T number) : Json(Unsigned{number}) {}
  template <std::signed_integral T> Json(T number) : Json(Signed{number}) {}

  // For objects and arrays that are being made; these return *this.
  Json &set(const std::string &key, Json value);
  Json &push(Json value);

  // Nothing where there is no such member, or one of another type.
  std::optional<std::string> string(const std::string &key) const;
  std::optional<std::int64_t> number(const std::string &key) const;
  bool flag(const std::string &key) const; // false where there is none

  std::string line() const;   // on one line, without its end
  std::string pretty() const; // for people

private:
  struct Unsigned {
    std::uint64_t value;
  };
  struct Signed {
    std::int64_t value;
  };
  struct Put {
    void operator()(json_object *object) const;
  };

  explicit Json(json_object *object) : object_(object) {}
  explicit Json(Unsigned number);
  explicit Json(Signed number);
  json_object *member(const std::string &key) const;

  std::unique_ptr<json_object, Put> object_;
};

} // namespace qtfs

#endif
