// Chooses the session for a node's URL.
#include "node/session.hpp"

#include "node/file_session.hpp"
#include "node/ftp_session.hpp"
#include "node/url.hpp"

namespace nodespool::node {

std::unique_ptr<Session> make_session(const NodeConfig& config, Interrupt interrupt) {
    NodeUrl url = split_node_url(config.url, config.name);
    switch (url.scheme) {
    case Scheme::ftp:
        return std::make_unique<FtpSession>(config, std::move(url), std::move(interrupt));
    case Scheme::file:
        return std::make_unique<FileSession>(config.name, url.directory, std::move(interrupt));
    }
    throw base::Error(base::ErrorClass::bug, "internal error: a URL scheme without a session");
}

} // namespace nodespool::node
