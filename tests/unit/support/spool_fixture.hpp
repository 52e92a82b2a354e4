// A spool in a directory of its own, with a clock that is set by hand.
#pragma once

#include "queue/survey.hpp"
#include "support/temp_dir.hpp"

#include <algorithm>
#include <filesystem>
#include <string>
#include <vector>

namespace nodespool::test {

/// Time by hand; who would sleep does not.
class ManualClock final : public base::Clock {
  public:
    [[nodiscard]] base::Timestamp now() const override { return time; }
    [[nodiscard]] base::MonotonicTime monotonic() const override { return since_start; }
    void sleep_for(std::chrono::milliseconds) const override {}
    base::Timestamp time = base::system_clock().now();
    base::MonotonicTime since_start{};
};

struct SpoolFixture {
    TempDir dir;
    ManualClock clock;
    queue::Spool spool{dir.path(), clock};

    [[nodiscard]] std::string path(const std::string& name) const { return dir / (".queue/" + name); }
    void write(const std::string& name, const std::string& text) const { write_file(path(name), text); }
    [[nodiscard]] std::string text(const std::string& name) const { return read_file(path(name)); }
    [[nodiscard]] bool exists(const std::string& name) const { return std::filesystem::exists(path(name)); }

    /// Live job lines of all queue files, in the order of work.
    [[nodiscard]] std::vector<std::string> jobs() const {
        std::vector<std::string> lines;
        queue::survey(spool, [&](const queue::SurveyedJob& seen) {
            if (seen.queue_file.find('/') == std::string::npos)
                lines.push_back(seen.text);
        });
        return lines;
    }
    /// Everything that lies in `.queue/` but its directories, hidden names too.
    [[nodiscard]] std::vector<std::string> names() const {
        std::vector<std::string> names;
        for (const auto& entry : std::filesystem::directory_iterator(path("")))
            if (!entry.is_directory())
                names.push_back(entry.path().filename().string());
        std::sort(names.begin(), names.end());
        return names;
    }
};

} // namespace nodespool::test
