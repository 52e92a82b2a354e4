// Streams over one FTP connection to the faulty server, and what became of them.
#pragma once

#include "faulty_ftp_server.hpp"
#include "node_under_test.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <deque>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace nodespool::node::test {

/// Requests in order, and what became of each.
class ListedFeed : public Feed {
  public:
    void put(const std::string& name, std::unique_ptr<Source> source) {
        m_sources.push_back(std::move(source));
        m_requests.push_back({.kind = Request::Kind::put, .name = name, .source = m_sources.back().get()});
    }
    void put(const std::string& name, const std::string& bytes = "four") {
        put(name, std::make_unique<MemorySource>(bytes));
    }
    void remove(const std::string& name) {
        m_requests.push_back({.kind = Request::Kind::remove, .name = name});
    }

    Request* next() override { return m_given < m_requests.size() ? &m_requests[m_given++] : nullptr; }
    void ended(Request& request) override { ++m_ends[&request]; }

    /// Each ended once, and these and no others failed.
    [[nodiscard]] std::map<std::string, Failure> failures() const {
        REQUIRE(m_given == m_requests.size());
        REQUIRE(m_ends.size() == m_requests.size());
        std::map<std::string, Failure> failed;
        for (const Request& request : m_requests) {
            REQUIRE(m_ends.at(&request) == 1);
            try {
                if (request.error)
                    std::rethrow_exception(request.error);
            } catch (const NodeError& error) {
                failed.emplace(request.name, error.failure());
            } catch (...) { // of a source, or Interrupted: the test looks at it
            }
        }
        return failed;
    }
    [[nodiscard]] std::size_t count_of_ends() const { return m_ends.size(); }
    [[nodiscard]] const Request& request(std::size_t index) const { return m_requests.at(index); }

  private:
    std::deque<Request> m_requests;
    std::deque<std::unique_ptr<Source>> m_sources;
    std::map<const Request*, int> m_ends;
    std::size_t m_given = 0;
};

using Failures = std::map<std::string, Failure>;

inline std::string file(int number) {
    return "file-" + std::to_string(number);
}

/// @p usual times the usual reply, then @p odd, then the usual one.
inline std::vector<std::string> after(std::size_t usual, const std::vector<std::string>& odd) {
    std::vector<std::string> replies(usual, k_usual);
    replies.insert(replies.end(), odd.begin(), odd.end());
    replies.push_back(k_usual);
    return replies;
}

/// What became of twenty small files, and what the server heard.
struct Outcome {
    Failures failures;
    std::vector<std::string> commands;

    [[nodiscard]] std::ptrdiff_t count(const std::string& command) const {
        return std::count(commands.begin(), commands.end(), command);
    }
    [[nodiscard]] std::ptrdiff_t logins() const { return count("USER ali"); }
};

inline constexpr int k_files = 20;

inline Outcome stream_to(FtpScript script, const std::string& directory = {}) {
    FaultyFtpServer server(std::move(script));
    ListedFeed feed;
    for (int i = 0; i < k_files; ++i)
        feed.put(directory + file(i));
    make_session(server.config())->run(feed);
    return {feed.failures(), server.stop()};
}

} // namespace nodespool::node::test
