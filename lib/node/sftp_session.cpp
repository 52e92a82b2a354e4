// The one-file forms, and what goes straight to its own class.
#include "node/sftp_session.hpp"

#include "base/path_name.hpp"
#include "node/remote_name.hpp"
#include "node/sftp_download.hpp"
#include "node/sftp_errors.hpp"
#include "node/sftp_lister.hpp"
#include "node/sftp_stream.hpp"

#include <utility>

namespace nodespool::node {

namespace {

class FeedOfOne : public Feed {
  public:
    explicit FeedOfOne(Request& request) : m_next(&request) {}
    Request* next() override { return std::exchange(m_next, nullptr); }
    void ended(Request&) override {}

  private:
    Request* m_next;
};

std::string naming(const std::string& verb, const std::string& name) {
    return "cannot " + verb + " " + base::printable(name) + ": ";
}

} // namespace

SftpSession::SftpSession(const NodeConfig& config, NodeUrl url, Interrupt interrupt)
    : m_node(config.name),
      m_root(url.directory),
      m_connection(config, std::move(url), std::move(interrupt)),
      m_directories(m_root, m_connection) {}

template <typename Call>
void SftpSession::on_node(const std::string& doing, Call&& call) {
    try {
        m_connection.connect();
        call();
    } catch (const SftpTrouble& trouble) {
        throw NodeError(trouble.failure, m_node, doing + trouble.text, trouble.refusal);
    }
}

void SftpSession::run(Feed& feed) {
    SftpStream(m_node, m_root, m_connection, m_directories, feed).run();
}

void SftpSession::put(const std::string& name, Source& source) {
    Request request{Request::Kind::put, name, &source};
    FeedOfOne feed(request);
    run(feed);
    if (request.error)
        std::rethrow_exception(request.error);
}

Removal SftpSession::remove(const std::string& name) {
    Request request{Request::Kind::remove, name};
    FeedOfOne feed(request);
    run(feed);
    if (request.error)
        std::rethrow_exception(request.error);
    return request.removal;
}

void SftpSession::get(const std::string& name, Sink& sink) {
    refuse_bad_name(m_node, "get", name);
    on_node(naming("get", name), [&] { SftpDownload(m_connection, sftp_path(m_root, name), sink).run(); });
}

std::optional<std::uint64_t> SftpSession::size(const std::string& name) {
    refuse_bad_name(m_node, "look for", name);
    bool done = false;
    std::optional<std::uint64_t> size;
    std::optional<SftpTrouble> trouble;
    const auto on_root = [&](const std::optional<SftpTrouble>& of_root) {
        done = true;
        trouble = of_root;
    };
    const auto on_looked = [&](SftpReply& reply) {
        if (!reply.is_or_status(SftpType::attributes)) {
            const SftpReply::Status status = reply.status();
            if (status.code == SftpStatus::no_such_file)
                m_directories.look_for_root(on_root);
            else
                on_root(trouble_of(status, m_connection));
            return;
        }
        const SftpAttributes attributes = reply.fields.attributes();
        size = attributes.size_bytes;
        if (attributes.type && *attributes.type != base::FileType::regular)
            on_root(SftpTrouble{Failure::permanent, "it is not a regular file"});
        else if (!size)
            on_root(SftpTrouble{Failure::permanent, "the server does not tell its size"});
        else
            on_root(std::nullopt);
    };
    on_node(naming("look for", name), [&] {
        m_connection.send_string(SftpType::lstat, sftp_path(m_root, name), on_looked);
        while (!done)
            m_connection.pump();
        if (trouble)
            throw *trouble;
    });
    return size;
}

void SftpSession::list(const ListVisitor& visit, Times) {
    on_node("cannot list the node's directory: ",
            [&] { SftpLister(m_node, m_root, m_connection, visit).run(); });
}

std::vector<std::string> SftpSession::features() {
    std::vector<std::string> features;
    on_node("cannot ask what it can do: ", [&] {
        features.push_back("SFTP version " + std::to_string(m_connection.version()));
        for (const auto& [name, value] : m_connection.extensions())
            features.push_back(m_connection.tellable(name + " " + value));
    });
    return features;
}

} // namespace nodespool::node
