// What is being done with which file on which node, for the messages.
#pragma once

#include "base/path_name.hpp"
#include "node/ftp_connection.hpp"
#include "node/session.hpp"

#include <exception>
#include <string>
#include <string_view>
#include <vector>

namespace nodespool::node {

struct FtpAction {
    const std::string& node;
    std::string_view verb;
    const std::string& name;

    [[nodiscard]] NodeError error(Failure failure, const std::string& why,
                                  Refusal refusal = Refusal::none) const {
        return {failure, node,
                "cannot " + std::string(verb) + ' ' + base::printable(name) + ": " + base::printable(why),
                refusal};
    }
    [[noreturn]] void fail(Failure failure, const std::string& why) const { throw error(failure, why); }
    [[noreturn]] void fail(const FtpTrouble& trouble) const {
        throw error(trouble.failure, trouble.text, trouble.refusal);
    }
    [[noreturn]] void fail(const FtpReply& refusal) const {
        fail(failure_of_reply(refusal.code), refusal.text);
    }
    /// The replies, where the exchange went through.
    [[nodiscard]] std::vector<FtpReply> check(FtpResult result) const {
        if (result.trouble)
            fail(*result.trouble);
        return std::move(result.replies);
    }
};

/// What @p call throws; nullptr: nothing.
template <typename Call>
std::exception_ptr error_of(Call&& call) {
    try {
        call();
    } catch (...) {
        return std::current_exception();
    }
    return nullptr;
}

} // namespace nodespool::node
