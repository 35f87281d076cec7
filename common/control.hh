// SPDX-License-Identifier: GPL-2.0
//
// How the tools talk to a running engine: a unix stream socket, root alone.
//
// One request for each connection: a line of JSON, an object, answered by
// another, after which the engine closes it.  A request has "op" and what that
// takes; an answer has "ok", and "error", a sentence, where that is false.
//
//	op	takes			answers (beside ok)
//	status				version, pid, threads, file, edited
//	get				file, text, edited
//	add	section, item		changed
//	remove	section, index		item: what was removed
//	save				-
//	reload				-
//
// file is the whitelist's name, text what is in force, and edited whether that
// is something else than was last read from or saved to the file.  Each change is in force
// when it is answered, for open files, too.

#ifndef QTFS_CONTROL_HH
#define QTFS_CONTROL_HH

#include <chrono>
#include <functional>
#include <string>
#include <string_view>

#include "fd.hh"
#include "json.hh"
#include "result.hh"

namespace qtfs {

inline constexpr const char *control_socket = "/run/qtfs/engine.sock";

// udsproxyd's, which has op status, log (one level less each time) and reload.
inline constexpr const char *proxy_socket = "/run/qtfs/udsproxyd.sock";

// Makes the socket, and its directory.  The error is a sentence.
Result<Fd, std::string> control_listen(const std::string &path);

// Answers one connection of @listener; takes two seconds at the most.
void control_serve(int listener, const std::function<std::string(std::string_view)> &answer);

// Sends @request and returns the answer, whose "ok" is true.  The error is a sentence.
Result<Json, std::string> control_ask(const std::string &path, const Json &request,
                                      std::chrono::milliseconds limit);

} // namespace qtfs

#endif
