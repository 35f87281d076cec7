// SPDX-License-Identifier: GPL-2.0

#include "key.hh"

#include <fmt/format.h>
#include <nettle/hmac.h>
#include <nettle/memops.h>
#include <string_view>
#include <sys/random.h>

#include "read_all.hh"

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
  const Result<RegularFile> found = read_regular(file, most);
  const int error = found ? 0 : found.error().value();
  Key key;

  if (error == EISDIR || error == EINVAL)
    return wrong("a key is in a regular file");
  if (error && error != EFBIG)
    return wrong(found.error().message());
  if (found && found->st.st_mode & 077)
    return wrong("others may use this key (chmod 600)");
  if (error || found->text.size() < least)
    return wrong(fmt::format("a key has {} to {} bytes (head -c 32 /dev/urandom)", least, most));
  const Span bytes = std::as_bytes(std::span(found->text));
  key.bytes_.assign(bytes.begin(), bytes.end());
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
