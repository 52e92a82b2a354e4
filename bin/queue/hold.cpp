// queue hold, queue release.
#include "queue/hold.hpp"

#include "base/log.hpp"
#include "base/path_name.hpp"
#include "cli/cluster.hpp"
#include "cli/output.hpp"
#include "commands.hpp"
#include "views.hpp"

#include <fmt/format.h>

#include <set>

namespace nodespool::queue_program {

namespace {

/// How the one direction differs from the other in words.
struct Wording {
    queue::Move move;
    std::string_view from; ///< what may stand before a name
    std::string_view verb;
    std::string_view result;
    std::string_view where;
};
constexpr Wording k_hold{queue::Move::hold, "", "hold", "held", "in the queue"};
constexpr Wording k_release{queue::Move::release, "held/", "release", "released", "held"};

void tell(const cli::Invocation& invocation, const Wording& wording, const std::string& name,
          queue::Moved moved, cli::ExitStatus& status) {
    std::string result(wording.result);
    switch (moved) {
    case queue::Moved::done:
        base::log(base::LogLevel::info, {{"result", result}, {"queue-file", name}});
        break;
    case queue::Moved::done_while_in_use:
        base::log(base::LogLevel::warning,
                  {{"result", result},
                   {"queue-file", name},
                   {"reason", "it is being worked on: jobs that are under way will be done all the same"}});
        break;
    case queue::Moved::name_taken:
        result = "name-taken";
        base::log(base::LogLevel::error,
                  {{"result", result},
                   {"queue-file", name},
                   {"reason", "there is another file of this name: neither was touched"}});
        status.note(cli::Condition::cannot_create);
        break;
    case queue::Moved::gone:
        result = "gone";
        base::log(
            base::LogLevel::warning,
            {{"result", result}, {"queue-file", name}, {"reason", "it was worked off or moved meanwhile"}});
        break;
    }
    if (invocation.format != cli::OutputFormat::json)
        return;
    cli::Json object;
    object["queue-file"] = name;
    object["result"] = result;
    object["in-use"] = moved == queue::Moved::done_while_in_use;
    cli::print_json(object);
}

void tell_what_would_be(const cli::Invocation& invocation, const Wording& wording, const std::string& name) {
    if (invocation.format == cli::OutputFormat::text) {
        cli::print(fmt::format("would {} {}\n", wording.verb, base::encode_name(name)));
        return;
    }
    cli::Json object;
    object["queue-file"] = name;
    object["result"] = fmt::format("would {}", wording.verb);
    cli::print_json(object);
}

void move_files(const cli::Invocation& invocation, cli::ExitStatus& status, const Wording& wording) {
    std::vector<std::string> patterns;
    for (const std::string& operand : invocation.operands)
        patterns.push_back(file_pattern(operand, wording.from));
    const cli::Config config = cli::open_cluster(invocation, cli::Passwords::not_needed);
    const bool is_dry_run = invocation.dry_run == cli::DryRun::yes;
    const queue::Spool spool = is_dry_run ? queue::Spool::open_existing(config.root, base::system_clock())
                                          : queue::Spool(config.root, base::system_clock());
    queue::FileMover mover(spool, wording.move);
    const std::vector<std::string> names = mover.names();
    std::set<std::string> meant;
    for (const std::string& pattern : patterns) {
        const std::vector<std::string> found = queue::names_meant(names, pattern);
        if (found.empty()) {
            base::log(base::LogLevel::error,
                      fmt::format("no queue file '{}' is {}", base::printable(pattern), wording.where));
            status.note(cli::Condition::io);
        }
        meant.insert(found.begin(), found.end());
    }
    if (is_dry_run) {
        for (const std::string& name : meant)
            tell_what_would_be(invocation, wording, name);
        return;
    }
    std::vector<std::pair<std::string, queue::Moved>> moved;
    for (const std::string& name : meant)
        moved.emplace_back(name, mover.move(name));
    mover.commit();
    for (const auto& [name, how] : moved)
        tell(invocation, wording, name, how, status);
}

} // namespace

void hold(const cli::Invocation& invocation, cli::ExitStatus& status) {
    move_files(invocation, status, k_hold);
}

void release(const cli::Invocation& invocation, cli::ExitStatus& status) {
    move_files(invocation, status, k_release);
}

} // namespace nodespool::queue_program
