// Names that are given once: files that sort by the time at which they were made.
#pragma once

#include "base/clock.hpp"

#include <string>

namespace nodespool::base {

/// `YYYYMMDD-HHMMSS.MICROS-HOST-PID-N` (UTC): no two calls on this host give the same, in whatever process.
/// Of the host's name only what may stand in a file name without being quoted.
std::string unique_name(const Clock& clock);

} // namespace nodespool::base
