// Small files of a cluster that several programs and people write: the marks on nodes, sending logs, the
// health of nodes, and the round-robin cursor.
#include "base/error.hpp"
#include "base/log.hpp"
#include "base/path_name.hpp"
#include "fuzz/fuzzer.hpp"
#include "processor/node_choice.hpp"
#include "processor/node_marks.hpp"
#include "processor/node_state.hpp"
#include "processor/sending_log.hpp"
#include "support/temp_dir.hpp"

#include <algorithm>
#include <filesystem>
#include <optional>
#include <string>
#include <tuple>
#include <vector>

using namespace nodespool;
using fuzz::demand;
using processor::Mark;
using processor::Sending;

namespace {

namespace fs = std::filesystem;

/// A cluster root that has nothing but the file in question.
class Root {
  public:
    Root() {
        fs::create_directories(m_dir / ".state/health");
        // What cannot be understood is logged.
        base::configure_log("fuzz", {base::LogTarget::Kind::file, m_dir / "log"}, base::LogLevel::error);
    }
    [[nodiscard]] const std::string& path() const { return m_dir.path(); }
    [[nodiscard]] std::string operator/(std::string_view name) const { return m_dir / name; }

  private:
    test::TempDir m_dir;
};

// --- marks

std::optional<processor::NodeMarks> read_marks(const Root& root) {
    try {
        return processor::read_node_marks(root.path());
    } catch (const base::Error& error) {
        const std::string_view message = error.what();
        demand(error.error_class() == base::ErrorClass::config, "an error is one of the configuration",
               message);
        fuzz::demand_printable(message, "an error can be shown");
        demand(fuzz::number_after(message, root / ".nodes:") >= 1, "the line is one of the file", message);
        return std::nullopt;
    }
}

std::vector<std::string> lines_without(const std::string& text, std::string_view node) {
    std::vector<std::string> lines;
    for (const std::string_view line : fuzz::lines_of(text)) {
        const std::vector<std::string_view> words = fuzz::words_of(line, " \t\r");
        if (words.empty() || words.front() != node)
            lines.emplace_back(line);
    }
    return lines;
}

void check_marks(const Root& root, std::string_view text) {
    const std::string file = root / ".nodes";
    test::write_file(file, text);
    const std::optional<processor::NodeMarks> marks = read_marks(root);
    if (marks) {
        for (const auto& [node, mark] : marks->all())
            demand(base::is_node_name(node) && mark != Mark::none, "a mark is one of a node", node);
        for (const Mark mark : {Mark::draining, Mark::read_only, Mark::none}) {
            const Mark before = read_marks(root)->of("n1");
            demand(processor::set_node_mark(root.path(), "n1", mark) == before, "the mark before is told");
            demand(read_marks(root)->of("n1") == mark, "a mark that is set is set");
            demand(lines_without(test::read_file(file), "n1") == lines_without(std::string(text), "n1"),
                   "the lines of others stay as they are", text);
        }
    }
    fs::remove(file);
}

// --- sending logs

auto fields_of(const Sending& sending) {
    return std::tie(sending.node, sending.name, sending.path, sending.size_bytes, sending.mtime);
}

std::vector<Sending> open_sendings(const Root& root) {
    std::vector<Sending> sendings;
    processor::for_each_open_sending(root.path(),
                                     [&](const Sending& sending) { sendings.push_back(sending); });
    return sendings;
}

void demand_same(const std::vector<Sending>& one, const std::vector<Sending>& other, std::string_view what) {
    demand(std::equal(one.begin(), one.end(), other.begin(), other.end(),
                      [](const Sending& a, const Sending& b) { return fields_of(a) == fields_of(b); }),
           what);
}

void check_sending_log(const Root& root, std::string_view text) {
    test::write_file(root / ".state/sending-host-1-2.log", text);
    const std::vector<Sending> found = open_sendings(root);
    std::vector<processor::AbandonedLog> logs = processor::AbandonedLog::find(root.path());
    demand(logs.size() == 1, "a log without a process is abandoned");
    demand_same(logs.front().open_entries(), found, "check and the next run read the same entries");
    logs.front().remove();
    processor::SendingLog again(root.path(), base::system_clock());
    std::vector<processor::SendingLog::Entry> entries;
    for (const Sending& sending : found) {
        demand(!sending.node.empty() && !sending.name.empty() && !sending.path.empty(), "an entry is whole");
        entries.push_back(again.note(sending));
    }
    demand_same(open_sendings(root), found, "an entry reads as it was noted");
    for (const processor::SendingLog::Entry entry : entries)
        again.settle(entry);
    demand(open_sendings(root).empty(), "what is settled is no entry");
}

// --- health

auto fields_of(const processor::RecordedHealth& health) {
    return std::tie(health.state, health.since, health.last_success);
}

void check_health(const Root& root, std::string_view text) {
    const std::string file = root / ".state/health/n1";
    test::write_file(file, text);
    const processor::RecordedHealths healths = processor::read_node_health(root.path());
    if (const auto found = healths.find("n1"); found != healths.end()) {
        const processor::RecordedHealth health = found->second;
        processor::record_node_health(root.path(), "n1", health);
        const processor::RecordedHealths again = processor::read_node_health(root.path());
        demand(again.contains("n1"), "health that was recorded is understood", text);
        const processor::RecordedHealth& read = again.at("n1");
        demand(fields_of(read) == fields_of(health), "health reads as it was recorded", text);
        demand(read.last_error.has_value() == health.last_error.has_value(), "the last error stays", text);
        fuzz::demand_printable(read.program, "a program's name can be shown");
        if (read.last_error)
            fuzz::demand_printable(read.last_error->text, "an error can be shown");
    }
    fs::remove(file);
}

// --- the cursor

void check_cursor(std::string_view text) {
    const std::vector<processor::NodeChoice::Node> nodes = {{"n1", 1}, {"n2", 3}, {"n3", 1000}};
    processor::NodeChoice choice(nodes);
    choice.restore(std::string(text));
    processor::NodeChoice other(nodes);
    other.restore(choice.cursor());
    demand(other.cursor() == choice.cursor(), "a cursor reads as it was written", choice.cursor());
    for (const std::vector<bool>& eligible :
         {std::vector{true, true, true}, std::vector{false, true, false}, std::vector{true, false, true}}) {
        const std::size_t node = choice.next(eligible);
        demand(node == other.next(eligible), "a cursor says whose turn it is");
        demand(eligible.at(node), "only a node that is eligible has its turn");
    }
}

} // namespace

/// A letter that says what the file is, then the file.
int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    static const Root root;
    if (size == 0)
        return 0;
    const std::string_view text = fuzz::text_of(data + 1, size - 1);
    switch (data[0]) {
    case 'm':
        check_marks(root, text);
        break;
    case 's':
        check_sending_log(root, text);
        break;
    case 'h':
        check_health(root, text);
        break;
    case 'c':
        check_cursor(text);
        break;
    default:
        break;
    }
    return 0;
}
