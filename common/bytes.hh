// SPDX-License-Identifier: GPL-2.0
//
// Bytes of the wire, whose integers are little-endian.

#ifndef QTFS_BYTES_HH
#define QTFS_BYTES_HH

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <endian.h>
#include <linux/types.h>
#include <span>
#include <string_view>
#include <utility>

namespace qtfs {

// Both directions are the same operation.
inline __u16 le(__u16 value)
{
  return le16toh(value);
}

inline __u32 le(__u32 value)
{
  return le32toh(value);
}

inline __u64 le(__u64 value)
{
  return le64toh(value);
}

// Buffer: a std::string, or a vector of std::byte.
template <typename Buffer> class ByteWriter {
public:
  explicit ByteWriter(std::size_t size = 0) { buffer_.reserve(size); }

  ByteWriter &u8(std::uint8_t value) { return raw(value); }
  ByteWriter &u16(std::uint16_t value) { return raw(le(value)); }
  ByteWriter &u32(std::uint32_t value) { return raw(le(value)); }
  ByteWriter &u64(std::uint64_t value) { return raw(le(__u64{value})); }
  ByteWriter &bytes(std::string_view value) { return append(value.data(), value.size()); }

  Buffer take() { return std::move(buffer_); }

private:
  template <typename T> ByteWriter &raw(T value) { return append(&value, sizeof(value)); }
  ByteWriter &append(const void *data, std::size_t size)
  {
    const auto *begin = static_cast<const typename Buffer::value_type *>(data);

    buffer_.insert(buffer_.end(), begin, begin + size);
    return *this;
  }

  Buffer buffer_;
};

// Once something is wrong it stays so, and all values are 0.
class ByteReader {
public:
  explicit ByteReader(std::string_view bytes) : rest_(bytes) {}
  explicit ByteReader(std::span<const std::byte> bytes)
      : rest_(reinterpret_cast<const char *>(bytes.data()), bytes.size())
  {
  }

  std::uint8_t u8() { return raw<std::uint8_t>(); }
  std::uint16_t u16() { return le(raw<__u16>()); }
  std::uint32_t u32() { return le(raw<__u32>()); }
  std::uint64_t u64() { return le(raw<__u64>()); }

  std::string_view bytes(std::size_t size)
  {
    if (size > rest_.size())
      fail();
    const std::string_view taken = rest_.substr(0, good_ ? size : 0);
    rest_.remove_prefix(taken.size());
    return taken;
  }
  // All that is left.
  std::string_view rest() { return bytes(rest_.size()); }

  void fail()
  {
    good_ = false;
    rest_ = {};
  }
  bool good() const { return good_; }
  std::size_t left() const { return rest_.size(); }
  // Whether that was all, and right.
  bool complete() const { return good_ && rest_.empty(); }

private:
  template <typename T> T raw()
  {
    const std::string_view taken = bytes(sizeof(T));
    T value = 0;

    if (good_)
      std::memcpy(&value, taken.data(), sizeof(value));
    return value;
  }

  std::string_view rest_;
  bool good_ = true;
};

} // namespace qtfs

#endif
