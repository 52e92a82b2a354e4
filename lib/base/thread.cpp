// What is said where no thread can be started.
#include "base/thread.hpp"

#include "base/error.hpp"

namespace nodespool::base {

void throw_no_thread(const std::system_error& why) {
    throw SystemError("start a thread (limits: ulimit -u, TasksMax= of a service, memory)",
                      why.code().value());
}

} // namespace nodespool::base
