// SPDX-License-Identifier: GPL-2.0
//
// Integers of the wire, which are little-endian.

#ifndef QTFS_BYTES_HH
#define QTFS_BYTES_HH

#include <endian.h>
#include <linux/types.h>

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

} // namespace qtfs

#endif
