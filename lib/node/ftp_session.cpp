// Put, get, remove, size and features in terms of FTP commands.
#include "node/ftp_session.hpp"

#include "node/ftp_lister.hpp"
#include "node/remote_name.hpp"

#include <utility>

namespace nodespool::node {

namespace {

/// Counts what goes to a Sink.
class CountingSink : public Sink {
  public:
    explicit CountingSink(Sink& sink) : m_sink(sink) {}
    void write(std::span<const char> bytes) override {
        m_sink.write(bytes);
        m_bytes += bytes.size();
    }
    std::span<char> room(std::span<char> space) override { return m_sink.room(space); }
    [[nodiscard]] std::uint64_t bytes() const { return m_bytes; }

  private:
    Sink& m_sink;
    std::uint64_t m_bytes = 0;
};

class FeedOfOne : public Feed {
  public:
    explicit FeedOfOne(Request& request) : m_request(&request) {}
    Request* next() override { return std::exchange(m_request, nullptr); }
    void ended(Request&) override {}

  private:
    Request* m_request;
};

} // namespace

FtpSession::FtpSession(const NodeConfig& config, const NodeUrl& url, Interrupt interrupt)
    : m_connection(config, url, std::move(interrupt)),
      m_files(config.name, url.directory, m_connection),
      m_puts(m_files, m_connection),
      m_removals(m_files, m_connection) {}

void FtpSession::run(Feed& feed) {
    Request* request = feed.next();
    while (request != nullptr) {
        request =
            request->kind == Request::Kind::put ? m_puts.run(request, feed) : m_removals.run(request, feed);
        if (request == nullptr)
            request = feed.next();
    }
}

void FtpSession::run_one(Request& request) {
    FeedOfOne feed(request);
    run(feed);
    if (request.error)
        std::rethrow_exception(request.error);
}

void FtpSession::put(const std::string& name, Source& source) {
    Request request{.kind = Request::Kind::put, .name = name, .source = &source};
    run_one(request);
}

Removal FtpSession::remove(const std::string& name) {
    Request request{.kind = Request::Kind::remove, .name = name};
    run_one(request);
    return request.removal;
}

void FtpSession::get(const std::string& name, Sink& sink) {
    const FtpAction action{m_files.node(), "get", name};
    refuse_bad_name(m_files.node(), action.verb, name);
    CountingSink counted(sink);
    const std::string path = m_files.path_of(name);
    const FtpReply size_reply = action.check(m_connection.download(path, counted, "SIZE " + path)).at(0);
    const std::optional<std::uint64_t> size = size_from(size_reply);
    if (size && *size != counted.bytes())
        action.fail(Failure::temporary, "it broke off after " + std::to_string(counted.bytes()) + " of " +
                                            std::to_string(*size) + " bytes");
}

std::optional<std::uint64_t> FtpSession::size(const std::string& name) {
    const FtpAction action{m_files.node(), "look for", name};
    refuse_bad_name(m_files.node(), action.verb, name);
    const FtpReply reply = action.check(m_connection.send({"SIZE " + m_files.path_of(name)})).at(0);
    if (const std::optional<std::uint64_t> size = size_from(reply))
        return size;
    if (!reply.is_refusal())
        action.fail(reply);
    const std::optional<FtpFiles::Found> found = m_files.look(name, action);
    if (!found)
        return std::nullopt;
    if (!found->size_bytes)
        action.fail(reply);
    return found->size_bytes;
}

void FtpSession::list(const ListVisitor& visit, Times times) {
    FtpLister(m_files.node(), m_files.root(), m_connection, visit, times).run();
}

std::vector<std::string> FtpSession::features() {
    const std::string what = "what it can do";
    const FtpAction action{m_files.node(), "ask", what};
    const FtpReply reply = action.check(m_connection.send({"FEAT"})).at(0);
    if (!reply.is_success() && !reply.is_refusal())
        action.fail(reply);
    std::vector<std::string> features;
    for (const std::string& line : reply.lines_before) {
        // RFC 2389 §3.2: a feature's line begins with a blank; the one before them with the code.
        const std::size_t begin = line.find_first_not_of(' ');
        if (reply.is_success() && begin != 0 && begin != std::string::npos)
            features.push_back(base::printable(line.substr(begin)));
    }
    return features;
}

} // namespace nodespool::node
