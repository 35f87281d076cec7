// SPDX-License-Identifier: GPL-2.0

#include "slot.hh"

#include <algorithm>
#include <atomic>
#include <cstring>

namespace qtfs::engine {

Slot::Slot(std::byte *memory, const qtfs_channel_setup &setup, int index)
    : memory_(memory), setup_(setup), raw_(reinterpret_cast<qtfs_slot *>(memory)), index_(index)
{
}

bool Slot::fetch()
{
  for (std::size_t i = 0; i < fds_.size(); i++)
    fds_[i].reset(raw_->fd[i]);

  const struct qtfs_op_info *info = qtfs_op_info(op());
  raw_->status = 0;
  raw_->reply_flags = 0;
  raw_->reply_fd = -1;
  raw_->data_len = 0;
  std::memset(raw_->body, 0, sizeof(raw_->body));
  if (!info || le(raw_->hdr.body_len) != info->req_body ||
      le(raw_->hdr.data_len) > setup_.data_size)
    return false;

  // The module has checked it.  But everything about the policy rests on a name
  // being one component.
  const std::byte *args = memory_ + setup_.args_offset;
  if (qtfs_check_args(&raw_->hdr, &raw_->req, args) != QTFS_FRAME_OK)
    return false;
  for (unsigned i = 0; i < names_.size(); i++)
    names_[i].assign(qtfs_args_name(&raw_->hdr, &raw_->req, args, i), le(raw_->req.name_len[i]));

  const auto has = [&](std::uint32_t flag, int fd) { return !(info->flags & flag) || fd >= 0; };
  return has(QTFS_HAS_NODE, node()) && has(QTFS_HAS_NODE2, node2()) && has(QTFS_HAS_OPEN, open());
}

Caller Slot::caller() const
{
  const qtfs_req &req = raw_->req;
  const std::byte *args = memory_ + setup_.args_offset;
  const auto *groups = static_cast<const __le32 *>(qtfs_args_groups(&raw_->hdr, args));

  return {
    .uid = le(req.uid),
    .gid = le(req.gid),
    .caps = le(req.caps),
    .umask = le(req.umask),
    .groups = {groups, le(req.ngroups)},
  };
}

std::string_view Slot::path(unsigned which) const
{
  const std::size_t len = raw_->path_len[which];

  if (len >= QTFS_SLOT_PATH_SIZE)
    return {};
  return {reinterpret_cast<const char *>(memory_ + setup_.path_offset[which]), len};
}

std::span<std::byte> Slot::room(std::size_t wanted)
{
  return {memory_ + setup_.data_offset, std::min<std::size_t>(wanted, setup_.data_size)};
}

void Slot::set_fd(Fd fd)
{
  reply_ = std::move(fd);
  raw_->reply_fd = reply_.get();
}

void Slot::done(int status)
{
  raw_->status = static_cast<__u32>(status);
  if (status) {
    raw_->reply_flags = 0;
    raw_->reply_fd = -1;
    raw_->data_len = 0;
    reply_.reset();
  }
  // Not later: a thread may wait for its next request for hours.
  for (Fd &fd : fds_)
    fd.reset();
  set_state(QTFS_SLOT_DONE);
}

void Slot::set_state(std::uint32_t state)
{
  std::atomic_ref<__u32>(raw_->state).store(state, std::memory_order_release);
}

} // namespace qtfs::engine
