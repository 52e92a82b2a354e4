// Exponential backoff with jitter.
#include "processor/backoff.hpp"

#include "base/file_system.hpp"

#include <algorithm>
#include <cmath>

namespace nodespool::processor {

double backoff_seconds(unsigned attempts, double random) {
    constexpr double k_first_s = 60;
    constexpr double k_longest_s = 3600;
    constexpr double k_jitter = 0.2;
    const double planned = std::min(k_longest_s, k_first_s * std::exp2(std::min(attempts, 10U)));
    return planned * (1 - k_jitter + 2 * k_jitter * random);
}

double backoff_seconds(unsigned attempts) {
    return backoff_seconds(attempts, static_cast<double>(base::random_64_bits() >> 11U) * 0x1.0p-53);
}

} // namespace nodespool::processor
