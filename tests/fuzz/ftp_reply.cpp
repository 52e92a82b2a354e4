// Replies of FTP servers: whatever comes, they stay short, and numbers, ports and names are only taken from
// where they belong.
#include "node/ftp_reply.hpp"

#include "fuzz/fuzzer.hpp"
#include "node/ftp_errors.hpp"
#include "node/ftp_facts.hpp"

#include <algorithm>
#include <cctype>
#include <optional>
#include <string>

using namespace nodespool;
using namespace nodespool::node;
using fuzz::demand;

namespace {

constexpr std::size_t k_longest_text = 600;
constexpr std::size_t k_most_lines = 100;
constexpr std::size_t k_longest_line = 500;

bool is_digit(char byte) {
    return byte >= '0' && byte <= '9';
}

bool begins_with_code(std::string_view line) {
    return line.size() >= 3 && std::all_of(line.begin(), line.begin() + 3, is_digit);
}

/// What the server says in the place of an answer, told to an operator.
void check_text(const FtpReply& reply) {
    const std::string shown = presentable(reply.text, "S3cr3t");
    fuzz::demand_printable(shown, "a reply can be shown");
    demand(shown.find("S3cr3t") == shown.npos, "no reply shows the password that it sends back", shown);
}

void check_numbers(const FtpReply& reply) {
    const std::optional<std::uint64_t> size = size_from(reply);
    demand(!size || (reply.code == 213 && reply.text.find(std::to_string(*size)) != reply.text.npos) ||
               reply.text.find("0") != reply.text.npos,
           "a size stands in the reply", reply.text);
    const std::optional<std::uint16_t> port = port_from(reply);
    demand(!port || (*port != 0 && (reply.code == 229 || reply.code == 227)), "a port is one", reply.text);
    demand(!port || reply.code != 229 || reply.text.find(std::to_string(*port)) != reply.text.npos,
           "a port stands in the reply", reply.text);
    demand(!mtime_from(reply) || reply.code == 213, "a time is the answer to MDTM", reply.text);
    const std::optional<std::string> directory = directory_from(reply);
    demand(!directory || (reply.code == 257 && !directory->empty() && directory->size() < reply.text.size()),
           "a directory is the answer to PWD", reply.text);
}

void check_reply(const FtpReply& reply, std::string_view last_line) {
    demand(reply.code >= 100 && reply.code <= 599, "a code is one of RFC 959", reply.text);
    demand(begins_with_code(last_line) && last_line.substr(0, 3) == reply.text.substr(0, 3),
           "a reply ends with a line that has its code", last_line);
    demand(std::stoi(reply.text.substr(0, 3)) == reply.code, "a reply begins with its code", reply.text);
    demand(reply.text.size() <= k_longest_text, "a reply is short", reply.text);
    demand(reply.lines_before.size() <= k_most_lines, "a reply keeps so many lines", reply.text);
    for (const std::string& line : reply.lines_before)
        demand(line.size() <= k_longest_line && line.find('\n') == line.npos, "a line is short", line);
    demand(reply.is_failure() == (reply.code / 100 == 4 || reply.code / 100 == 5), "the first digit decides");
    check_text(reply);
    check_numbers(reply);
}

/// RFC 959 §4.2: a reply that begins with "NNN-" ends with "NNN ", and with nothing else. The first digit is
/// one of five; what begins otherwise belongs to no reply.
class Expectation {
  public:
    /// Does this line end a reply?
    bool ends(std::string_view line) {
        const bool has_code = begins_with_code(line);
        const char after = line.size() > 3 ? line[3] : ' ';
        if (m_open.empty()) {
            if (!has_code || line[0] < '1' || line[0] > '5' || (after != ' ' && after != '-'))
                return false;
            m_open = line.substr(0, 3);
        }
        const bool is_last = has_code && line.substr(0, 3) == m_open && after == ' ';
        if (is_last)
            m_open.clear();
        return is_last;
    }
    /// Has one begun that has not ended?
    [[nodiscard]] bool is_inside() const { return !m_open.empty(); }

  private:
    std::string m_open; ///< the code of a reply of several lines that has begun
};

std::string_view without_line_end(std::string_view line) {
    while (line.ends_with('\n') || line.ends_with('\r'))
        line.remove_suffix(1);
    return line;
}

} // namespace

/// The bytes of a control connection.
int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    FtpReplyReader reader;
    Expectation expectation;
    for (const std::string_view line : fuzz::lines_of(fuzz::text_of(data, size))) {
        const std::optional<FtpReply> reply = reader.add_line(line);
        demand(reply.has_value() == expectation.ends(without_line_end(line)),
               "a reply ends where RFC 959 says", line);
        demand(reader.is_inside() == expectation.is_inside(), "a reply begins where RFC 959 says", line);
        if (reply)
            check_reply(*reply, line);
    }
    return 0;
}
