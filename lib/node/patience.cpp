// Waits in slices, so that the interrupt is asked about once a second.
#include "node/patience.hpp"

#include <algorithm>

namespace nodespool::node {

bool Patience::wait(std::span<base::Awaited> sockets, base::MonotonicTime deadline) const {
    using std::chrono::milliseconds;
    for (;;) {
        // Rounded up: a wait that ends a little early would be one more for nothing.
        const auto left = std::chrono::ceil<milliseconds>(deadline - now());
        if (left <= milliseconds(0))
            return false;
        if (base::wait_for_any(sockets, std::min(left, base::Socket::k_patience)))
            return true;
        ask();
    }
}

} // namespace nodespool::node
