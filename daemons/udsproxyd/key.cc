// SPDX-License-Identifier: GPL-2.0

#include "key.hh"

#include <fcntl.h>
#include <fmt/format.h>
#include <nettle/hmac.h>
#include <nettle/memops.h>
#include <string_view>
#include <sys/random.h>
#include <sys/stat.h>

#include "fd.hh"

namespace qtfs::uds {

namespace {

static_assert(std::tuple_size_v<Proof> == SHA256_DIGEST_SIZE);

const std::uint8_t *octets(Span bytes)
{
  return reinterpret_cast<const std::uint8_t *>(bytes.data());
}

} // namespace

Result<Key, std::string> Key::load(const std::string &file)
{
  const auto wrong = [&](std::string_view why) { return fmt::format("{}: {}", file, why); };
  const Fd fd(::open(file.c_str(), O_RDONLY | O_CLOEXEC));
  struct stat st;
  Key key;

  if (!fd || ::fstat(fd.get(), &st) != 0)
    return wrong(last_error().message());
  if (!S_ISREG(st.st_mode))
    return wrong("a key is in a regular file");
  if (st.st_mode & 077)
    return wrong("others may use this key (chmod 600)");
  key.bytes_.resize(most + 1);
  const ssize_t n = ::read(fd.get(), key.bytes_.data(), key.bytes_.size());
  if (n < 0)
    return wrong(last_error().message());
  if (static_cast<std::size_t>(n) < least || static_cast<std::size_t>(n) > most)
    return wrong(fmt::format("a key has {} to {} bytes (head -c 32 /dev/urandom)", least, most));
  key.bytes_.resize(static_cast<std::size_t>(n));
  return key;
}

Proof Key::prove(Role role, const Nonce &initiator, const Nonce &acceptor) const
{
  const std::string_view label =
    role == Role::Initiator ? "qtfs-uds initiator" : "qtfs-uds acceptor ";
  hmac_sha256_ctx hmac;
  Proof proof;

  hmac_sha256_set_key(&hmac, bytes_.size(), octets(bytes_));
  hmac_sha256_update(&hmac, label.size(), reinterpret_cast<const std::uint8_t *>(label.data()));
  hmac_sha256_update(&hmac, initiator.size(), octets(initiator));
  hmac_sha256_update(&hmac, acceptor.size(), octets(acceptor));
  hmac_sha256_digest(&hmac, proof.size(), reinterpret_cast<std::uint8_t *>(proof.data()));
  return proof;
}

bool Key::check(const Proof &proof, Role role, const Nonce &initiator, const Nonce &acceptor) const
{
  const Proof right = prove(role, initiator, acceptor);

  return ::nettle_memeql_sec(proof.data(), right.data(), proof.size()) != 0;
}

Result<Nonce> make_nonce()
{
  Nonce nonce;

  if (::getrandom(nonce.data(), nonce.size(), 0) != static_cast<ssize_t>(nonce.size()))
    return last_error();
  return nonce;
}

} // namespace qtfs::uds
