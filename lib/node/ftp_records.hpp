// A listing as it comes in, cut into its lines.
#pragma once

#include "node/session.hpp"

#include <functional>
#include <string>
#include <string_view>

namespace nodespool::node {

/// Lines end with CRLF (RFC 959 §3.1.1.1); a newline alone is then part of a name. Where the first newline
/// has no CR before it, the server ends its lines with newlines alone. Memory is bound by the longest line.
class RecordSink : public Sink {
  public:
    explicit RecordSink(std::function<void(std::string_view)> on_record)
        : m_on_record(std::move(on_record)) {}

    void write(std::span<const char> bytes) override;
    /// Did it end with the end of a line, or never begin?
    [[nodiscard]] bool ended_whole() const { return m_open.empty(); }
    /// Was there anything that cannot be a listing? Nothing is read after it.
    [[nodiscard]] bool is_garbled() const { return m_is_garbled; }

  private:
    enum class Ending { unknown, crlf, newline };

    std::function<void(std::string_view)> m_on_record;
    Ending m_ending = Ending::unknown;
    bool m_is_garbled = false;
    std::string m_open; ///< of the line that has not ended yet
};

} // namespace nodespool::node
