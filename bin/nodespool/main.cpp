// nodespool NAME ...: runs one of the programs, or shows its manual page.
#include "base/error.hpp"
#include "base/file_system.hpp"
#include "base/path_name.hpp"
#include "base/process.hpp"
#include "cli/command_line.hpp"
#include "cli/output.hpp"
#include "cli/program.hpp"
#include "programs.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <vector>

namespace nodespool {

namespace {

using base::Error;
using base::ErrorClass;

const ProgramEntry& entry_named(const std::string& name) {
    for (const ProgramEntry& entry : k_programs)
        if (entry.name == name)
            return entry;
    throw Error(ErrorClass::usage,
                "unknown program '" + base::printable(name) + "'; 'nodespool' without arguments lists them");
}

std::string overview() {
    std::string text = "usage: nodespool [-nqv] [-C DIR] [--json] PROGRAM [ARGUMENT ...]\n"
                       "       nodespool help [PROGRAM]\n"
                       "       nodespool --version\n\n"
                       "Programs:\n";
    for (const ProgramEntry& entry : k_programs)
        text += fmt::format("  {:<12} {}\n", entry.name, entry.purpose);
    return text + "\n'nodespool help PROGRAM' tells more of one of them, nodespool(7) of the whole.\n";
}

/// Where this installation, or this build tree, keeps its files; the directories that it was configured for
/// last.
struct Places {
    std::vector<std::string> programs;
    std::string manual;
};

Places places() {
    const std::string directory(base::parent_of(base::executable_path()));
    const std::string prefix(base::parent_of(directory));
    return {{prefix + "/libexec/nodespool", directory, NODESPOOL_LIBEXEC_DIR}, prefix + "/share/man/man1"};
}

/// Does not return: the process becomes the program, or this throws.
[[noreturn]] void run_program(const std::string& name, const std::vector<std::string>& arguments) {
    std::string searched;
    for (const std::string& directory : places().programs) {
        const std::string path = directory + "/" + name;
        std::vector<std::string> all = {path};
        all.insert(all.end(), arguments.begin(), arguments.end());
        base::become_program(path, all);
        searched += (searched.empty() ? "" : ", ") + directory;
    }
    throw Error(ErrorClass::io, "cannot find the program " + name + " in any of: " + searched);
}

void show_help(const std::vector<std::string>& topics) {
    if (topics.empty()) {
        cli::print(overview());
        return;
    }
    if (topics.size() > 1)
        throw Error(ErrorClass::usage, "unexpected argument '" + base::printable(topics[1]) + "'");
    const std::string name(entry_named(topics.front()).name);
    const std::string page = places().manual + "/nodespool-" + name + ".1";
    if (base::status_at(base::k_cwd, page))
        base::become_program({"man", "-l", page}); // comes back where man is not installed
    run_program(name, {"--help"});
}

bool contains(const std::vector<std::string>& arguments, std::string_view wanted) {
    return std::find(arguments.begin(), arguments.end(), wanted) != arguments.end();
}

void dispatch(const std::vector<std::string>& arguments) {
    const std::size_t at = std::min(cli::find_command(arguments), arguments.size());
    const auto name = arguments.begin() + static_cast<std::ptrdiff_t>(at);
    std::vector<std::string> passed_on(arguments.begin(), name);
    if (contains(passed_on, "--version"))
        return cli::print("nodespool " NODESPOOL_VERSION "\n");
    if (arguments.empty() || contains(passed_on, "--help") || contains(passed_on, "-h"))
        return cli::print(overview());
    if (name == arguments.end())
        throw Error(ErrorClass::usage, "expected a program; 'nodespool' without arguments lists them");

    passed_on.erase(std::remove(passed_on.begin(), passed_on.end(), "--"), passed_on.end());
    passed_on.insert(passed_on.end(), name + 1, arguments.end());
    if (*name == "help")
        show_help(passed_on);
    else
        run_program(std::string(entry_named(*name).name), passed_on);
}

} // namespace

} // namespace nodespool

int main(int argc, char** argv) {
    const std::vector<std::string> arguments(argv + (argc > 0 ? 1 : 0), argv + argc);
    return nodespool::cli::run_framed("nodespool",
                                      [&](nodespool::cli::ExitStatus&) { nodespool::dispatch(arguments); });
}
