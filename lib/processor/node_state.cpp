// `.state/health/NODE`.
#include "processor/node_state.hpp"

#include "base/error.hpp"
#include "base/file_system.hpp"
#include "base/log.hpp"
#include "base/path_name.hpp"
#include "base/staged_file.hpp"

#include <fcntl.h>
#include <fmt/format.h>

#include <sstream>

namespace nodespool::processor {

namespace {

constexpr std::size_t k_max_bytes = 65536;
constexpr std::size_t k_max_error_bytes = 4096;

std::string state_directory(const std::string& cluster_root) {
    return cluster_root + "/.state";
}

std::string directory_of(const std::string& cluster_root) {
    return state_directory(cluster_root) + "/health";
}

/// Reads one file; every complaint names its line.
class HealthParser {
  public:
    HealthParser(const std::string& text, const std::string& file) : m_lines(text), m_file(&file) {}

    RecordedHealth parse() {
        RecordedHealth health;
        bool has_state = false;
        for (std::string line; std::getline(m_lines, line);) {
            ++m_line;
            const std::size_t blank = std::min(line.find(' '), line.size());
            const std::string word = line.substr(0, blank);
            const std::string rest = line.substr(std::min(blank + 1, line.size()));
            if (word == "state") {
                health.state = state(rest);
                has_state = true;
            } else if (word == "since") {
                health.since = time(rest);
            } else if (word == "last-success") {
                health.last_success = time(rest);
            } else if (word == "last-error") {
                const std::size_t end = std::min(rest.find(' '), rest.size());
                health.last_error = {time(rest.substr(0, end)), rest.substr(std::min(end + 1, rest.size()))};
            } else if (word == "by") {
                health.program = rest;
            } // else: of a later version
        }
        if (!has_state)
            fail("the end of the file", "a line 'state'");
        return health;
    }

  private:
    [[noreturn]] void fail(const std::string& found, const std::string& expected) const {
        throw base::Error(base::ErrorClass::bad_input,
                          fmt::format("{}:{}: found {}, expected {}", *m_file, m_line, found, expected));
    }

    [[nodiscard]] NodeState state(const std::string& word) const {
        for (const NodeState state : {NodeState::up, NodeState::down, NodeState::full, NodeState::unwritable})
            if (word == to_string(state))
                return state;
        fail("'" + base::printable(word) + "'", "up, down, full or unwritable");
    }

    [[nodiscard]] base::Timestamp time(const std::string& word) const {
        const std::optional<base::WrittenTime> time = base::parse_time(word);
        if (!time)
            fail("'" + base::printable(word) + "'", "a time as SECONDS[.FRACTION]");
        return time->value;
    }

    std::istringstream m_lines;
    const std::string* m_file;
    unsigned m_line = 0;
};

std::string format(const RecordedHealth& health) {
    std::string text =
        fmt::format("state {}\nsince {}\n", to_string(health.state), base::format_time(health.since));
    if (health.last_error)
        text += fmt::format("last-error {} {}\n", base::format_time(health.last_error->time),
                            base::printable(health.last_error->text.substr(0, k_max_error_bytes)));
    if (health.last_success)
        text += fmt::format("last-success {}\n", base::format_time(*health.last_success));
    return text + "by " + base::printable(health.program) + '\n';
}

/// nullopt: there is none, or it cannot be understood, which is logged.
std::optional<RecordedHealth> read(int dir_fd, const std::string& directory, const std::string& node) {
    const std::string file = directory + "/" + node;
    try {
        const std::optional<base::Fd> fd = base::try_open_regular(dir_fd, node);
        if (!fd)
            return std::nullopt;
        return HealthParser(base::read_whole(fd->get(), k_max_bytes, file), file).parse();
    } catch (const base::Error& error) {
        base::log(base::LogLevel::warning, error.what());
        return std::nullopt;
    }
}

} // namespace

RecordedHealths read_node_health(const std::string& cluster_root) {
    RecordedHealths healths;
    const std::string directory = directory_of(cluster_root);
    const auto fd = base::try_open_at(base::k_cwd, directory, O_RDONLY | O_DIRECTORY);
    if (!fd)
        return healths;
    base::for_each_entry(fd->get(), directory, [&](const std::string& name) {
        if (base::is_node_name(name)) // else: a temporary
            if (auto health = read(fd->get(), directory, name))
                healths.emplace(name, std::move(*health));
        return true;
    });
    return healths;
}

void record_node_health(const std::string& cluster_root, const std::string& node, RecordedHealth seen) {
    try {
        base::make_shared_directory(state_directory(cluster_root));
        const std::string directory = directory_of(cluster_root);
        base::make_shared_directory(directory);
        const base::Fd fd = base::open_directory(directory);
        base::clear_abandoned(fd.get(), directory);
        if (const auto before = read(fd.get(), directory, node)) {
            if (before->state == seen.state)
                seen.since = before->since;
            if (!seen.last_error)
                seen.last_error = before->last_error;
            if (!seen.last_success)
                seen.last_success = before->last_success;
        }
        base::StagedFile staged(fd.get(), node, 0660);
        base::set_mode(staged.fd(), 0660, directory + "/" + node); // the next run may be another user's
        staged.append(format(seen));
        staged.sync();
        staged.rename_to(fd.get(), node, base::Replace::yes);
    } catch (const base::Error& error) {
        base::log(base::LogLevel::warning, std::string("cannot record a node's health: ") + error.what());
    }
}

} // namespace nodespool::processor
