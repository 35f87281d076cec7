// SPDX-License-Identifier: GPL-2.0
//
// A slot of the channel: the request that the module left in it and the
// answer that the engine leaves there.

#ifndef QTFS_ENGINE_SLOT_HH
#define QTFS_ENGINE_SLOT_HH

#include <array>
#include <cstddef>
#include <cstdint>
#include <new>
#include <span>
#include <string>
#include <string_view>

#include "abi.hh"
#include "bytes.hh"
#include "fd.hh"

namespace qtfs::engine {

// Whose request it is.
struct Caller {
  std::uint32_t uid = 0;
  std::uint32_t gid = 0;
  std::uint64_t caps = 0;
  std::uint32_t umask = 0;
  std::span<const __le32> groups;
};

class Slot {
public:
  // @memory is as long as setup.stride and outlives the object.
  Slot(std::byte *memory, const qtfs_channel_setup &setup, int index);

  int index() const { return index_; }
  qtfs_slot &raw() { return *raw_; }

  // Makes what follows speak of the request in the slot, takes its descriptors
  // and clears the answer.  False if the request is malformed, which the module
  // rules out; its descriptors are taken all the same.
  bool fetch();

  // The request.

  unsigned op() const { return le(raw_->hdr.op); }
  bool resent() const { return raw_->flags & QTFS_SLOT_RESENT; }
  Caller caller() const;

  // -1 where the request names none.
  int node() const { return fds_[QTFS_SLOT_NODE].get(); }
  int node2() const { return fds_[QTFS_SLOT_NODE2].get(); }
  int open() const { return fds_[QTFS_SLOT_OPEN].get(); }
  std::uint32_t open_flags() const { return raw_->open_flags; }

  // Where a node was when the request was fetched; empty if that can't be told.
  std::string_view path(unsigned which) const;
  const std::string &name(unsigned which) const { return names_[which]; }

  template <typename Body> const Body &body() const
  {
    return *reinterpret_cast<const Body *>(memory_ + setup_.args_offset);
  }

  std::span<const std::byte> data() const
  {
    return {memory_ + setup_.data_offset, le(raw_->hdr.data_len)};
  }

  // The answer.

  // Room for its data, @wanted bytes or as many as there are.
  std::span<std::byte> room(std::size_t wanted);

  template <typename Body> Body &reply_body()
  {
    static_assert(sizeof(Body) <= QTFS_SLOT_BODY_MAX);
    return *std::launder(reinterpret_cast<Body *>(raw_->body));
  }

  void set_data_len(std::size_t len) { raw_->data_len = static_cast<__u32>(len); }
  void set_flags(std::uint32_t flags) { raw_->reply_flags = flags; }
  void set_fd(Fd fd);
  int fd() const { return reply_.get(); }

  // From here on the module takes it that something may have been changed.
  void executing() { set_state(QTFS_SLOT_EXECUTING); }

  // Closes the request's descriptors and completes the answer with @status.
  void done(int status);

  // The module has taken the answer, and its descriptor out of our table.
  void committed() { reply_.release(); }

private:
  void set_state(std::uint32_t state);

  std::byte *memory_;
  const qtfs_channel_setup &setup_;
  qtfs_slot *raw_;
  int index_;
  std::array<Fd, QTFS_SLOT_FDS> fds_;
  std::array<std::string, 2> names_; // as the system calls want them
  Fd reply_;
};

} // namespace qtfs::engine

#endif
