// SPDX-License-Identifier: GPL-2.0
//
// The key that both proxies have, and how each proves that to the other: by the HMAC
// of what both have chosen at random for this link.  The proofs of the two differ, so
// that neither can be sent back, and none is good for another link.

#ifndef QTFS_UDS_KEY_HH
#define QTFS_UDS_KEY_HH

#include <string>

#include "frame.hh"
#include "result.hh"

namespace qtfs::uds {

enum class Role { Initiator, Acceptor }; // who has made the link, and to whom

class Key {
public:
  static constexpr std::size_t least = 16; // bytes
  static constexpr std::size_t most = 4096;

  // The content of a file that is for its owner alone.  The error is a sentence.
  static Result<Key, std::string> load(const std::string &file);

  // What the proxy in that role proves itself by.
  Proof prove(Role role, const Nonce &initiator, const Nonce &acceptor) const;
  bool check(const Proof &proof, Role role, const Nonce &initiator, const Nonce &acceptor) const;

private:
  Bytes bytes_;
};

// Never all zero.
Result<Nonce> make_nonce();

} // namespace qtfs::uds

#endif
