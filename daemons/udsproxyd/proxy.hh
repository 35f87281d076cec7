// SPDX-License-Identifier: GPL-2.0
//
// All there is: the link that is made to the peer, the links that the peer makes,
// and what they are for.

#ifndef QTFS_UDS_PROXY_HH
#define QTFS_UDS_PROXY_HH

#include <memory>
#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "address.hh"
#include "connector.hh"
#include "exports.hh"
#include "json.hh"
#include "mirrors.hh"
#include "mounted.hh"
#include "options.hh"

namespace qtfs::uds {

class Proxy : public LinkOwner {
public:
  Proxy(Loop &loop, Workers &workers, const Options &options, Root root, const Binder &binder);
  ~Proxy() override;

  // The error is a sentence.
  std::string start(std::vector<Fd> left_by_predecessor, Fd listener);
  // Loads the whitelist again.  Returns what is wrong, or nothing.
  std::string reload();
  // The answer to a request on the control socket; both are lines of JSON.
  std::string answer(std::string_view request);

private:
  const Key *key() const override { return key_ ? &*key_ : nullptr; }
  void link_up(Link &link) override;
  void link_down(Link &link, const std::string &why) override;
  void announced(Link &link, Announcement announcement) override;
  void withdrawn(Link &link, const std::string &path) override;
  void synced(Link &link) override;
  void look(Link &link) override;
  void looked(Link &link, std::uint32_t number) override;
  void opened(Link &link, Stream &stream, Opening opening) override;

  void put_in_force(Whitelist whitelist);
  void warn_about_links() const;
  void watch_whitelist();
  void accept();
  void dial();
  void dialled();
  void dial_later(const std::string &why);
  Json status() const;
  Json step_log_level() const;

  Loop &loop_;
  Workers &workers_;
  const Options &options_;
  const Root root_;
  std::optional<Key> key_;
  Counters counters_;
  Whitelist whitelist_;
  MadeSockets made_;
  Mirrors mirrors_;
  Mounted mounted_;
  Exports exports_;
  Connector connector_;

  Fd listener_;
  Loop::Watch listening_;
  Loop::Timer listening_pause_;
  std::vector<std::unique_ptr<Link>> accepted_;

  std::unique_ptr<Link> link_;
  Fd dialling_;
  Loop::Watch dialling_watch_;
  Loop::Timer dial_timer_;
  Clock::duration dial_pause_;
  std::string dial_error_; // that was told
  std::minstd_rand random_{std::random_device()()};

  Fd whitelist_events_;
  Loop::Watch whitelist_watch_;
  Loop::Timer whitelist_timer_;
  std::vector<std::unique_ptr<Link>> ended_;
};

} // namespace qtfs::uds

#endif
