// Queues the commands, and takes their replies in the same order.
#include "node/ftp_place.hpp"

#include <utility>

namespace nodespool::node {

void FtpPlace::ask(const std::string& name, Leftover leftover) {
    const FtpMemory& memory = m_connection.memory();
    const std::string path = m_files.path_of(name);
    m_directory = base::parent_of(path);
    m_asked_deletion = leftover == Leftover::possible;
    if (m_asked_deletion)
        m_connection.control().queue("DELE " + path);
    for (const std::string& parent : FtpFiles::parents_of(name)) {
        std::string directory = m_files.path_of(parent);
        if (!memory.should_make(directory))
            continue;
        m_connection.control().queue("MKD " + directory);
        m_making.push_back(std::move(directory));
    }
    m_connection.ask_for_data_port();
    m_is_asked = true;
}

std::unique_ptr<Stream> FtpPlace::take() {
    FtpMemory& memory = m_connection.memory();
    if (std::exchange(m_asked_deletion, false)) // whether it was there or not
        static_cast<void>(m_connection.control().final_reply());
    for (const std::string& directory : std::exchange(m_making, {})) {
        const FtpReply made = m_connection.control().final_reply();
        if (!made.is_success() && directory == m_directory)
            memory.note_needless_making();
        memory.note_directory(directory);
    }
    m_is_asked = false;
    return m_connection.open_data();
}

void FtpPlace::take_unused() {
    try {
        static_cast<void>(take());
    } catch (const FtpRefused&) {
        m_is_asked = false; // it is asked for again
    }
}

void FtpPlace::forget() {
    m_is_asked = m_asked_deletion = false;
    m_making.clear();
}

} // namespace nodespool::node
