// The log over spdlog.
#include "base/log.hpp"

#include "base/error.hpp"
#include "base/path_name.hpp"

#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/basic_file_sink.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/sinks/syslog_sink.h>
#include <spdlog/spdlog.h>
#include <syslog.h>

namespace nodespool::base {

namespace {

constexpr const char* k_pattern = "%Y-%m-%dT%H:%M:%S.%eZ %l %n %v";

spdlog::level::level_enum to_spdlog(LogLevel level) {
    switch (level) {
    case LogLevel::debug:
        return spdlog::level::debug;
    case LogLevel::info:
        return spdlog::level::info;
    case LogLevel::warning:
        return spdlog::level::warn;
    case LogLevel::error:
        return spdlog::level::err;
    }
    return spdlog::level::err;
}

std::shared_ptr<spdlog::logger> make_logger(const std::string& program, spdlog::sink_ptr sink,
                                            const char* pattern) {
    auto logger = std::make_shared<spdlog::logger>(program, std::move(sink));
    logger->set_formatter(
        std::make_unique<spdlog::pattern_formatter>(pattern, spdlog::pattern_time_type::utc));
    logger->flush_on(spdlog::level::trace);
    return logger;
}

std::shared_ptr<spdlog::logger>& logger() {
    static std::shared_ptr<spdlog::logger> current = [] {
        auto first = make_logger("nodespool", std::make_shared<spdlog::sinks::stderr_sink_mt>(), k_pattern);
        first->set_level(spdlog::level::warn);
        return first;
    }();
    return current;
}

std::string quoted(std::string_view value) {
    std::string safe = printable(value);
    if (!safe.empty() && safe.find_first_of(" \"=") == safe.npos)
        return safe;
    std::string text = "\"";
    for (const char c : safe) {
        if (c == '"')
            text += '\\';
        text += c;
    }
    return text + '"';
}

} // namespace

void configure_log(const std::string& program, const LogTarget& target, LogLevel least) {
    switch (target.kind) {
    case LogTarget::Kind::standard_error:
        logger() = make_logger(program, std::make_shared<spdlog::sinks::stderr_sink_mt>(), k_pattern);
        break;
    case LogTarget::Kind::syslog:
        logger() = make_logger(program,
                               std::make_shared<spdlog::sinks::syslog_sink_mt>("nodespool-" + program,
                                                                               LOG_PID, LOG_DAEMON, true),
                               "%v");
        break;
    case LogTarget::Kind::file:
        try {
            logger() = make_logger(program, std::make_shared<spdlog::sinks::basic_file_sink_mt>(target.path),
                                   k_pattern);
        } catch (const spdlog::spdlog_ex&) {
            throw Error(ErrorClass::cannot_create,
                        "cannot open the log file " + target.path + " for appending");
        }
        break;
    }
    logger()->set_level(to_spdlog(least));
}

void share_terminal_with_progress() {
    logger()->set_formatter(std::make_unique<spdlog::pattern_formatter>(std::string("\r\033[K") + k_pattern,
                                                                        spdlog::pattern_time_type::utc));
}

void log(LogLevel level, const LogFields& fields) {
    if (!logger()->should_log(to_spdlog(level)))
        return;
    std::string line;
    for (const auto& [key, value] : fields) {
        if (!line.empty())
            line += ' ';
        line += key;
        line += '=';
        line += quoted(value);
    }
    logger()->log(to_spdlog(level), line);
}

void log(LogLevel level, const std::string& message) {
    log(level, LogFields{{"msg", message}});
}

} // namespace nodespool::base
