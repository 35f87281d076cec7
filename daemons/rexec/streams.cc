// SPDX-License-Identifier: GPL-2.0

#include "streams.hh"

#include <algorithm>

namespace qtfs::rexec {

Source &Streams::add_source(std::uint16_t id, Fd fd, Medium medium)
{
  auto source = std::make_unique<Source>(loop_, link_, id, std::move(fd), medium, changed_);

  return *(sources_[id] = std::move(source));
}

void Streams::add_sink(std::uint16_t id, Fd fd, Medium medium)
{
  sinks_[id] = std::make_unique<Sink>(loop_, link_, id, std::move(fd), medium, changed_);
}

std::string Streams::handle(const Frame &frame)
{
  const std::uint16_t id = frame.header.stream;
  const auto source = sources_.find(id);
  const auto sink = sinks_.find(id);

  switch (frame.header.type) {
  case Type::Data:
    if (sink != sinks_.end() && sink->second->data(frame.body))
      return {};
    return sink == sinks_.end() ? "it sent data of no stream" : "it sent more than its window";
  case Type::Eof:
    if (sink == sinks_.end())
      return "it ended no stream";
    sink->second->eof();
    return {};
  case Type::Reset:
    if (source == sources_.end())
      return "it reset no stream";
    source->second->reset();
    return {};
  case Type::Credit:
    if (source != sources_.end() &&
        (source->second->ended() || source->second->credit(*parse_number(frame.body))))
      return {};
    return "it granted what it can't have taken";
  default:
    return "it sent a message out of place";
  }
}

void Streams::update()
{
  for (const auto &[id, source] : sources_)
    source->update();
  for (const auto &[id, sink] : sinks_)
    sink->update();
}

bool Streams::ended(std::uint16_t id) const
{
  const auto source = sources_.find(id);

  return (source == sources_.end() || source->second->ended()) && sink_ended(id);
}

void Streams::remove(std::uint16_t id)
{
  sources_.erase(id);
  sinks_.erase(id);
}

void Streams::clear()
{
  sources_.clear();
  sinks_.clear();
}

void Streams::settle()
{
  for (const auto &[id, source] : sources_)
    source->settle();
}

void Streams::finish_sources()
{
  for (const auto &[id, source] : sources_)
    source->finish();
}

void Streams::finish_sinks()
{
  for (const auto &[id, sink] : sinks_)
    sink->eof();
}

bool Streams::sources_settled() const
{
  return std::ranges::all_of(sources_, [](const auto &pair) { return pair.second->settled(); });
}

bool Streams::sources_ended() const
{
  return std::ranges::all_of(sources_, [](const auto &pair) { return pair.second->ended(); });
}

bool Streams::sinks_flushed() const
{
  return std::ranges::all_of(sinks_, [](const auto &pair) { return pair.second->flushed(); });
}

bool Streams::sinks_ended() const
{
  return std::ranges::all_of(sinks_, [](const auto &pair) { return pair.second->ended(); });
}

bool Streams::sink_ended(std::uint16_t id) const
{
  const auto sink = sinks_.find(id);

  return sink == sinks_.end() || sink->second->ended();
}

} // namespace qtfs::rexec
