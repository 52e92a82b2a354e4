// Where plain and encrypted connections differ.
#include "node/stream.hpp"

namespace nodespool::node {

base::IoResult Stream::end_sending() {
    if (m_tls) {
        const base::IoResult said = m_tls->end_sending();
        if (said.state != base::IoResult::State::moved)
            return said;
    }
    m_socket.end_sending();
    return {base::IoResult::State::moved, 0, 0};
}

base::Awaited Stream::awaited_to_send() const {
    const bool to_send = !m_tls || m_tls->waits_to_send();
    return {m_socket.fd(), !to_send, to_send, false};
}

base::Awaited Stream::awaited_to_receive() const {
    const bool to_send = m_tls && m_tls->waits_to_send();
    return {m_socket.fd(), !to_send, to_send, false};
}

std::string Stream::trouble(const base::IoResult& failed) const {
    if (m_tls && !m_tls->trouble().empty())
        return m_tls->trouble();
    return failed.error != 0 ? base::text_of_errno(failed.error) : "it was closed";
}

} // namespace nodespool::node
