// Chooses the session for a node's URL, and runs requests one by one where a protocol knows no better.
#include "node/session.hpp"

#include "node/file_session.hpp"
#include "node/ftp_session.hpp"
#include "node/sftp_session.hpp"
#include "node/url.hpp"

namespace nodespool::node {

void Session::run(Feed& feed) {
    while (Request* request = feed.next()) {
        try {
            if (request->kind == Request::Kind::put)
                put(request->name, *request->source);
            else
                request->removal = remove(request->name);
        } catch (...) {
            request->error = std::current_exception();
        }
        feed.ended(*request);
    }
}

bool takes_many_at_once(const NodeConfig& config, Request::Kind kind) {
    const bool is_sftp = config.url.starts_with("sftp:");
    const bool is_ftp = config.url.starts_with("ftp:") || config.url.starts_with("ftps:");
    switch (kind) {
    case Request::Kind::put:
        return is_sftp;
    case Request::Kind::remove:
        return is_sftp || is_ftp;
    }
    throw base::Error(base::ErrorClass::bug, "internal error: a request of no kind");
}

std::unique_ptr<Session> make_session(const NodeConfig& config, Interrupt interrupt) {
    NodeUrl url = split_node_url(config.url, config.name);
    switch (url.scheme) {
    case Scheme::ftp:
        return std::make_unique<FtpSession>(config, std::move(url), std::move(interrupt));
    case Scheme::ftps: {
        NodeConfig implicit = config;
        implicit.tls = Tls::implicit;
        return std::make_unique<FtpSession>(implicit, std::move(url), std::move(interrupt));
    }
    case Scheme::sftp:
        return std::make_unique<SftpSession>(config, std::move(url), std::move(interrupt));
    case Scheme::file:
        return std::make_unique<FileSession>(config.name, url.directory, std::move(interrupt));
    }
    throw base::Error(base::ErrorClass::bug, "internal error: a URL scheme without a session");
}

} // namespace nodespool::node
