// How long a job that could not be done waits before it is tried again.
#pragma once

namespace nodespool::processor {

/// 1 minute doubling to 1 hour, give or take 20% (design, "Failures").
/// @param attempts  how often it was tried before this time
/// @param random    evenly spread in [0, 1]
double backoff_seconds(unsigned attempts, double random);

/// backoff_seconds() with the kernel's randomness.
double backoff_seconds(unsigned attempts);

} // namespace nodespool::processor
