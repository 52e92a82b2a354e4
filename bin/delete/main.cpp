// delete: deletes files of the cluster.
#include "base/log.hpp"
#include "base/path_name.hpp"
#include "base/process.hpp"
#include "cli/json.hpp"
#include "cli/output.hpp"
#include "cli/paths.hpp"
#include "program/cluster.hpp"
#include "queue/line_reader.hpp"
#include "upkeep/deletion.hpp"

#include <fmt/format.h>

namespace {

using namespace nodespool;
using Local = upkeep::DeletedFile::Local;

std::string_view local_word(Local local) {
    switch (local) {
    case Local::none:
        return "none";
    case Local::removed:
        return "removed";
    case Local::being_written:
        return "being-written";
    }
    return {};
}

/// What delete says of each file, and what it counts.
class Report {
  public:
    Report(const cli::Invocation& invocation, cli::ExitStatus& status)
        : m_invocation(&invocation),
          m_status(&status) {}

    void file(const upkeep::DeletedFile& file) {
        const bool stays = file.local == Local::being_written;
        const std::string path = base::encode_name(file.path);
        if (stays) {
            base::log(
                base::LogLevel::warning,
                {{"result", "left"},
                 {"file", path},
                 {"reason", file.was_stored ? "its stored version is deleted, but somebody writes a new one"
                                            : "somebody writes to it"}});
            m_status->note(cli::Condition::resubmitted);
        }
        if (file.was_stored || !stays)
            ++m_files;
        if (m_invocation->format == cli::OutputFormat::json)
            print_json(file, path);
        else if (is_dry_run() && (file.was_stored || !stays))
            cli::print("would delete " + path + "\n");
        else if (file.was_stored || !stays)
            base::log(base::LogLevel::debug, {{"result", "deleted"}, {"file", path}});
    }

    void failure(const base::Error& error) {
        base::log(base::LogLevel::error, error.what());
        m_status->note(error.error_class());
    }

    void refused(cli::Condition condition, const std::string& why) {
        base::log(base::LogLevel::error, why);
        m_status->note(condition);
    }

    void end() const {
        if (!is_dry_run())
            base::log(base::LogLevel::info, {{"result", "deleted"}, {"files", std::to_string(m_files)}});
    }

  private:
    [[nodiscard]] bool is_dry_run() const { return m_invocation->dry_run == cli::DryRun::yes; }

    void print_json(const upkeep::DeletedFile& file, const std::string& path) const {
        cli::Json object;
        object[is_dry_run() ? "would-delete" : "deleted"] = path;
        object["stored"] = file.was_stored;
        object["local"] = local_word(file.local);
        cli::print_json(object);
    }

    const cli::Invocation* m_invocation;
    cli::ExitStatus* m_status;
    std::uint64_t m_files = 0;
};

void delete_path(upkeep::Deletion& deletion, const std::string& path, bool recursive, const std::string& name,
                 Report& report) {
    const upkeep::Deletion::There there =
        path.empty() ? upkeep::Deletion::There{false, true} : deletion.look(path);
    if (!there.file && !there.directory)
        report.refused(cli::Condition::io, "no such file in the cluster: " + name);
    else if (there.directory && !there.file && !recursive)
        report.refused(cli::Condition::usage, name + " is a directory: -r deletes everything below it");
    if (there.file)
        deletion.add(path);
    if (there.directory && recursive)
        deletion.add_tree(path);
}

/// The path that a line of the list names. @throws base::Error bad_input, naming the line
std::string path_of_line(const queue::RawLine& line) {
    const auto fail = [&](const std::string& found, const std::string& expected) {
        throw base::Error(base::ErrorClass::bad_input,
                          fmt::format("stdin:{}: found {}, expected {}", line.number, found, expected));
    };
    if (line.length > line.text.size())
        fail(fmt::format("a line of {} bytes", line.length), "an encoded path");
    std::string path;
    try {
        path = base::decode_name(line.text);
    } catch (const base::NameError& error) {
        fail(error.found, error.expected);
    }
    if (const std::string why_not = base::why_not_a_cluster_path(path); !why_not.empty())
        fail(why_not, "a path in the file space");
    return path;
}

void delete_listed(upkeep::Deletion& deletion, bool recursive, Report& report) {
    queue::LineReader reader(base::k_standard_input, "stdin", queue::Input::stream);
    std::string last; // a list names a file twice that is stored and waits in a newer version
    while (const std::optional<queue::RawLine> line = reader.next()) {
        if (line->text.empty())
            continue;
        try {
            const std::string path = path_of_line(*line);
            if (path != last)
                delete_path(deletion, path, recursive, base::encode_name(path), report);
            last = path;
        } catch (const base::Error& error) {
            report.failure(error);
        }
    }
}

void delete_files(const cli::Invocation& invocation, cli::ExitStatus& status) {
    const bool from_stdin = invocation.has("from-stdin");
    if (from_stdin != invocation.operands.empty())
        throw base::Error(base::ErrorClass::usage,
                          from_stdin ? "found both --from-stdin and PATH, expected one of them"
                                     : "found no PATH, expected at least one, or --from-stdin");
    const cli::Config config = cli::open_cluster(invocation, cli::Passwords::not_needed);
    std::vector<std::string> paths;
    for (const std::string& operand : invocation.operands)
        paths.push_back(cli::cluster_directory_of(config, operand));
    const bool recursive = invocation.has("recursive");
    Report report(invocation, status);
    upkeep::Deletion deletion(program::cluster_of(config),
                              invocation.dry_run == cli::DryRun::yes ? upkeep::DeletionMode::dry_run
                                                                     : upkeep::DeletionMode::real,
                              {[&](const upkeep::DeletedFile& file) { report.file(file); },
                               [&](const std::string&, const base::Error& error) { report.failure(error); }});
    for (std::size_t i = 0; i < paths.size(); ++i)
        delete_path(deletion, paths[i], recursive, base::printable(invocation.operands[i]), report);
    if (from_stdin)
        delete_listed(deletion, recursive, report);
    deletion.finish();
    report.end();
}

} // namespace

int main(int argc, char** argv) {
    using cli::Common;
    nodespool::cli::Command command;
    command.synopsis = {"[-nqrv] [-C DIR] [--json] PATH ...", "[-nqrv] [-C DIR] [--json] --from-stdin"};
    command.common = {Common::directory, Common::dry_run, Common::verbose, Common::quiet, Common::json};
    command.options.add_options()("recursive,r", "delete directories with everything below them")(
        "from-stdin", "read encoded paths from standard input, a line each");
    command.operands = {"PATH", 0, cli::k_any_number};
    command.body = delete_files;
    return cli::run(argc, argv, {"delete", "delete files of the cluster", {command}});
}
