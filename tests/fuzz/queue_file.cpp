// Queue files: every byte belongs to one line, and a tick touches the first byte of its own line and no
// other.
#include "fuzz/fuzzer.hpp"
#include "queue/claimed_file.hpp"
#include "support/spool_fixture.hpp"

#include <fcntl.h>

#include <algorithm>
#include <optional>
#include <string>
#include <vector>

using namespace nodespool;
using fuzz::demand;
using queue::ClaimedFile;
using queue::LineMark;
using queue::RawLine;

namespace {

constexpr const char* k_name = "f.q";
constexpr base::Timestamp k_written{1700000000, 5};

/// The first byte of an input says what happens to the file, beside being read.
struct Circumstances {
    bool has_rested = false; ///< so that a last line without newline is run
    bool is_edited = false;  ///< one line changes between its reading and its tick
    std::size_t edited = 0;  ///< which, counted round

    explicit Circumstances(unsigned char byte)
        : has_rested((byte & 1U) != 0),
          is_edited((byte & 2U) != 0),
          edited(byte >> 2U) {}
};

/// A byte 1 and another, N, stand for N times 512 letters: small inputs make lines beyond the 64 KiB.
std::string stretched(std::string_view input) {
    constexpr std::size_t k_step_bytes = 512;
    constexpr std::size_t k_most_stretched_bytes = 256U << 10U;
    std::string text;
    for (std::size_t at = 0; at < input.size(); ++at) {
        if (input[at] != '\1' || at + 1 == input.size())
            text += input[at];
        else if (const std::size_t more = static_cast<unsigned char>(input[++at]) * k_step_bytes;
                 text.size() + more <= k_most_stretched_bytes)
            text.append(more, 'x');
    }
    return text;
}

/// A line as LineReader gives it, with text of its own.
struct Line {
    std::uint64_t offset = 0;
    std::uint64_t number = 0;
    std::string text;
    std::uint64_t length = 0;
    bool terminated = true;

    bool operator==(const Line&) const = default;
};

Line copy_of(const RawLine& line) {
    return {line.offset, line.number, std::string(line.text), line.length, line.terminated};
}

std::vector<Line> expected_lines(std::string_view text) {
    std::vector<Line> lines;
    for (const std::string_view line : fuzz::lines_of(text)) {
        const auto offset = static_cast<std::uint64_t>(line.data() - text.data());
        lines.push_back({offset, lines.size() + 1, std::string(line.substr(0, queue::k_max_line_bytes + 1)),
                         line.size(), offset + line.size() < text.size()});
    }
    return lines;
}

bool is_live(const Line& line) {
    return queue::classify(line.text).kind != queue::LineKind::nothing;
}

std::vector<Line> lines_read(const std::string& path, queue::Input input) {
    const base::Fd fd = base::open_at(base::k_cwd, path, O_RDONLY);
    queue::LineReader reader(fd.get(), path, input);
    std::vector<Line> lines;
    while (const std::optional<RawLine> line = reader.next())
        lines.push_back(copy_of(*line));
    demand(!reader.next(), "a file that ended has ended");
    return lines;
}

/// One queue file in the hands of a processor, from its claim until it is taken away.
class Passage {
  public:
    Passage(test::SpoolFixture& fixture, std::string text, Circumstances circumstances)
        : m_fixture(fixture),
          m_text(std::move(text)),
          m_circumstances(circumstances) {}

    void run() {
        m_fixture.write(k_name, m_text);
        test::set_mtime(m_fixture.path(k_name), k_written);
        m_fixture.clock.time = k_written.plus(m_circumstances.has_rested ? 3600 : 1);
        check_lines();
        m_file = ClaimedFile::claim(m_fixture.spool, k_name);
        demand(m_file != nullptr, "a file that nobody holds can be claimed");
        demand(ClaimedFile::claim(m_fixture.spool, k_name) == nullptr, "a file is claimed once");
        read();
        edit();
        tick();
        take_away();
    }

  private:
    void check_lines() {
        m_lines = expected_lines(m_text);
        for (const queue::Input input : {queue::Input::file, queue::Input::stream})
            demand(lines_read(m_fixture.path(k_name), input) == m_lines,
                   "lines are what lies between newlines", m_text.substr(0, 200));
    }

    /// A last line without newline is given where nobody may still be writing to it: then it gets one.
    void read() {
        const bool is_open = !m_lines.empty() && !m_lines.back().terminated;
        if (is_open && m_circumstances.has_rested) {
            m_lines.back().terminated = true;
            m_text += '\n';
        } else if (is_open) {
            m_left = m_lines.back();
            m_lines.pop_back();
        }
        for (const Line& expected : m_lines) {
            const std::optional<RawLine> line = m_file->next();
            demand(line && copy_of(*line) == expected, "a claimed file gives its lines", expected.text);
            m_marks.push_back(queue::mark_of(*line));
        }
        demand(!m_file->next(), "a claimed file gives no other line");
        demand(m_file->left_last_line() == m_left.has_value(), "a line that was left is told of");
        demand(m_fixture.text(k_name) == m_text, "reading changes nothing but that newline");
    }

    /// Somebody changes the first byte of a line.
    void edit() {
        if (!m_circumstances.is_edited || m_lines.empty())
            return;
        m_edited = m_circumstances.edited % m_lines.size();
        const Line& line = m_lines[*m_edited];
        if (line.length == 0) {
            m_edited.reset();
            return;
        }
        char& byte = m_text[static_cast<std::size_t>(line.offset)];
        byte = byte == 'x' ? 'y' : 'x';
        m_fixture.write(k_name, m_text);
    }

    void tick() {
        const std::vector<bool> reads = m_file->still_read(m_marks);
        std::vector<LineMark> live;
        std::vector<queue::Tick> expected;
        for (std::size_t i = 0; i < m_lines.size(); ++i) {
            demand(reads.at(i) == (m_edited != i), "an edited line is known, and no other", m_lines[i].text);
            demand(m_file->still_reads(m_marks[i]) == reads[i], "one look is like another");
            if (!is_live(m_lines[i]))
                continue;
            live.push_back(m_marks[i]);
            expected.push_back(m_edited == i ? queue::Tick::let_go : queue::Tick::done);
            if (m_edited != i)
                m_text[static_cast<std::size_t>(m_lines[i].offset)] = '#';
        }
        demand(m_file->tick(live) == expected, "each line is ticked that was not edited");
        demand(m_fixture.text(k_name) == m_text, "a tick touches one byte");
    }

    /// It goes when no line in it is live, and comes back as it is when one is.
    void take_away() {
        const std::vector<Line> lines = expected_lines(m_text);
        const bool lives = std::any_of(lines.begin(), lines.end(), is_live);
        demand(m_file->set_aside(), "a file that is still its own can be set aside");
        const queue::Retirement retirement = m_file->retire();
        demand(retirement == (lives ? queue::Retirement::given_back : queue::Retirement::removed),
               "a file is taken away exactly when nothing in it is left to do", m_text.substr(0, 200));
        m_file.reset();
        demand(m_fixture.exists(k_name) == lives, "a file that is given back has its name");
        demand(!lives || m_fixture.text(k_name) == m_text, "a file that is given back is as it was");
        demand(m_fixture.names().size() == (lives ? 1 : 0), "nothing else is left in the queue");
    }

    test::SpoolFixture& m_fixture;
    std::string m_text; ///< what the file must hold now
    Circumstances m_circumstances;
    std::vector<Line> m_lines;
    std::optional<Line> m_left; ///< the last line, which was not to be run now
    std::optional<std::size_t> m_edited;
    std::vector<LineMark> m_marks;
    std::shared_ptr<ClaimedFile> m_file;
};

} // namespace

/// A byte of circumstances, then the file.
int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    static test::SpoolFixture fixture;
    if (size == 0)
        return 0;
    Passage(fixture, stretched(fuzz::text_of(data + 1, size - 1)), Circumstances(data[0])).run();
    return 0;
}
