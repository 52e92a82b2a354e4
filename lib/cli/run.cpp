// A program's life: the one catch and the one exit status.
#include "base/error.hpp"
#include "base/path_name.hpp"
#include "base/process.hpp"
#include "cli/command_line.hpp"
#include "cli/output.hpp"
#include "cli/program.hpp"

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <new>
#include <system_error>

namespace nodespool::cli {

namespace {

/// One line on standard error; where even that fails, the exit status still tells.
void complain(const std::string& name, const std::string& message) {
    const std::string line = name + ": " + base::printable(message) + "\n";
    (void)std::fwrite(line.data(), 1, line.size(), stderr);
}

void execute(const Program& program, const CommandLine& line, ExitStatus& status) {
    switch (line.request) {
    case Request::help:
        print(help_text(program, line.command == nullptr ? "" : line.command->name));
        break;
    case Request::version:
        print(version_text(program.name));
        break;
    case Request::run:
        line.command->body(line.invocation, status);
        break;
    }
}

void parse_and_execute(const std::string& name, const Program& program,
                       const std::vector<std::string>& arguments, ExitStatus& status) {
    CommandLine line;
    try {
        line = parse_command_line(program, arguments);
    } catch (const base::Error& error) {
        status.note(error.error_class());
        complain(name, error.what());
        complain(name, "'nodespool " + program.name + " --help' shows the options");
        return;
    }
    execute(program, line, status);
}

enum class Output { sound, lost };

/// Runs @p action; whatever it throws becomes a message and a condition.
template <typename Action>
Output guarded(const std::string& name, ExitStatus& status, Action&& action) {
    try {
        action();
    } catch (const OutputError& error) {
        status.note(error.error_class());
        if (!error.reader_is_gone())
            complain(name, error.what());
        return Output::lost;
    } catch (const base::Error& error) {
        status.note(error.error_class());
        complain(name, error.what());
    } catch (const std::bad_alloc&) {
        status.note(Condition::io);
        complain(name, "out of memory");
    } catch (const std::system_error& error) {
        const bool denied = error.code() == std::errc::permission_denied ||
                            error.code() == std::errc::operation_not_permitted;
        status.note(denied ? Condition::permission : Condition::io);
        complain(name, error.what());
    } catch (const std::exception& error) {
        status.note(Condition::bug);
        complain(name, std::string("internal error: ") + error.what());
    }
    return Output::sound;
}

const std::string* s_name = nullptr; ///< of the program, for its last words

/// An exception that nobody can answer, in whatever thread: the program ends as if it were killed, and the
/// next run does what is left. Not by abort(3): a core file may hold passwords.
[[noreturn]] void end_at_once() {
    ExitStatus status;
    try {
        guarded(*s_name, status, [] {
            const std::exception_ptr error = std::current_exception();
            base::ensure(error != nullptr, "std::terminate is called for an exception");
            std::rethrow_exception(error);
        });
    } catch (...) {
        status.note(Condition::io); // no memory to say so
    }
    std::_Exit(status.value());
}

} // namespace

int run_framed(const std::string& name, const std::function<void(ExitStatus&)>& body) {
    s_name = &name;
    (void)std::set_terminate(end_at_once);
    ExitStatus status;
    const Output output = guarded(name, status, [&] {
        base::guard_standard_streams();
        (void)std::signal(SIGPIPE, SIG_IGN);
        body(status);
    });
    if (output == Output::sound)
        guarded(name, status, [] { flush_output(); });
    return status.value();
}

int run(int argc, const char* const* argv, const Program& program) {
    const std::string name = "nodespool-" + program.name;
    return run_framed(name, [&](ExitStatus& status) {
        parse_and_execute(name, program, std::vector<std::string>(argv + (argc > 0 ? 1 : 0), argv + argc),
                          status);
    });
}

} // namespace nodespool::cli
