// Finds the ends of lines.
#include "node/ftp_records.hpp"

namespace nodespool::node {

namespace {

// A path has 4096 bytes at most; facts and a link's target come on top.
constexpr std::size_t k_longest_line = 64UL * 1024;

} // namespace

void RecordSink::write(std::span<const char> bytes) {
    if (m_is_garbled)
        return;
    // A CR may have come alone at the end of the last piece.
    std::size_t searched = m_open.empty() ? 0 : m_open.size() - 1;
    m_open.append(bytes.data(), bytes.size());
    std::size_t begin = 0;
    for (std::size_t newline; (newline = m_open.find('\n', searched)) != std::string::npos;) {
        searched = newline + 1;
        const bool has_cr = newline > begin && m_open[newline - 1] == '\r';
        if (m_ending == Ending::unknown)
            m_ending = has_cr ? Ending::crlf : Ending::newline;
        if (m_ending == Ending::crlf && !has_cr)
            continue;
        if (m_ending == Ending::newline && has_cr) { // one kind of end is a name's: which one?
            m_is_garbled = true;
            return;
        }
        m_on_record(std::string_view(m_open).substr(begin, newline - begin - (has_cr ? 1 : 0)));
        begin = newline + 1;
    }
    m_open.erase(0, begin);
    m_is_garbled = m_open.size() > k_longest_line;
}

} // namespace nodespool::node
