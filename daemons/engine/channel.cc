// SPDX-License-Identifier: GPL-2.0

#include "channel.hh"

#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

namespace qtfs::engine {

namespace {

std::string explain_open(const std::string &device, std::error_code error)
{
  switch (error.value()) {
  case ENOENT:
  case ENXIO:
  case ENODEV:
    return device + ": is qtfs_server.ko loaded?";
  case EBUSY:
    return device + ": another engine is running";
  case EACCES:
  case EPERM:
    return device + ": the engine must run as root";
  default:
    return device + ": " + error.message();
  }
}

std::string explain_setup(const std::string &device, std::error_code error,
                          const qtfs_channel_setup &setup)
{
  if (error.value() == EPROTONOSUPPORT)
    return device + ": the module speaks version " + std::to_string(setup.version) +
           " of the channel, this engine version " + std::to_string(QTFS_CHANNEL_VERSION) +
           "; install both from one release";
  if (error.value() == ENOTTY)
    return device + " isn't the device of qtfs_server.ko";
  return device + ": setup: " + error.message();
}

// Whether what SETUP told can be worked with.
bool plausible(const qtfs_channel_setup &setup)
{
  const auto inside = [&](std::uint64_t offset, std::uint64_t size) {
    return offset % 8 == 0 && offset <= setup.stride && size <= setup.stride - offset;
  };

  return setup.max_slots > 0 && setup.stride >= sizeof(qtfs_slot) &&
         inside(setup.args_offset, QTFS_ARGS_MAX) &&
         inside(setup.path_offset[0], QTFS_SLOT_PATH_SIZE) &&
         inside(setup.path_offset[1], QTFS_SLOT_PATH_SIZE) && setup.data_size >= QTFS_XATTR_MAX &&
         inside(setup.data_offset, setup.data_size);
}

} // namespace

Mapping::~Mapping()
{
  if (memory_)
    ::munmap(memory_, size_);
}

Result<Channel, std::string> Channel::open(const std::string &device)
{
  Fd fd(::open(device.c_str(), O_RDWR | O_CLOEXEC));
  if (!fd)
    return explain_open(device, last_error());

  auto setup = std::make_unique<qtfs_channel_setup>();
  setup->version = QTFS_CHANNEL_VERSION;
  if (::ioctl(fd.get(), QTFS_CHANNEL_SETUP, setup.get()) < 0)
    return explain_setup(device, last_error(), *setup);
  if (!plausible(*setup))
    return device + ": the module's layout of slots makes no sense";
  return Channel(std::move(fd), std::move(setup));
}

Result<MappedSlot> Channel::add_slot()
{
  const int index = ::ioctl(fd_.get(), QTFS_CHANNEL_ADD_SLOT, 0);
  if (index < 0)
    return last_error();

  const auto offset = static_cast<off_t>(setup_->stride) * index;
  void *memory =
    ::mmap(nullptr, setup_->stride, PROT_READ | PROT_WRITE, MAP_SHARED, fd_.get(), offset);
  if (memory == MAP_FAILED)
    return last_error();

  Mapping mapping(memory, setup_->stride);
  Slot slot(mapping.bytes(), *setup_, index);
  return MappedSlot{std::move(mapping), std::move(slot)};
}

std::error_code Channel::call(unsigned long request, int argument)
{
  return ::ioctl(fd_.get(), request, argument) < 0 ? last_error() : std::error_code();
}

} // namespace qtfs::engine
