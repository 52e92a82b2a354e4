// What a FileSession is doing, and the one place where a failed system call becomes a NodeError.
#pragma once

#include "base/path_name.hpp"
#include "node/file_errors.hpp"
#include "node/file_session.hpp"

#include <string>
#include <string_view>

namespace nodespool::node {

struct FileSession::Action {
    const std::string& node;
    std::string_view verb;
    const std::string& name;

    [[noreturn]] void fail(Failure failure, const std::string& why) const {
        throw NodeError(failure, node,
                        "cannot " + std::string(verb) + " " + base::printable(name) + ": " +
                            base::printable(why));
    }

    /// Runs calls on the node's directory only: what a Source or Sink throws must not come through here.
    template <typename Call>
    auto on_node(Call&& call) const {
        try {
            return call();
        } catch (const base::SystemError& error) {
            const std::optional<Failure> failure = failure_of_errno(error.code());
            if (!failure)
                throw;
            fail(*failure, error.what());
        }
    }
};

} // namespace nodespool::node
