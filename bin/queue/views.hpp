// What several commands of queue share: reading the queue, and a job as it is printed.
#pragma once

#include "cli/config.hpp"
#include "cli/json.hpp"
#include "cli/program.hpp"
#include "queue/survey.hpp"

#include <functional>
#include <string>
#include <string_view>

namespace nodespool::queue_program {

queue::NodeNames known_nodes(const cli::Config& config);

/// @throws base::Error usage where @p word is none
queue::Keyword keyword_given(const std::string& word);

/// Reads the whole queue; what this user may not read of it tells in the exit status.
void survey(const cli::Config& config, cli::ExitStatus& status,
            const std::function<void(const queue::SurveyedJob&)>& visit);

cli::Json json_of(const queue::SurveyedJob& seen);
/// "STATE QUEUEFILE:LINE JOB\n"
std::string text_of(const queue::SurveyedJob& seen);
void print_job(const queue::SurveyedJob& seen, cli::OutputFormat format);

/// The operand as a name or pattern of queue files; @p directory ("held/") may stand before it.
/// @throws base::Error usage where it has a slash: nothing outside is ever touched
std::string file_pattern(const std::string& operand, std::string_view directory);

} // namespace nodespool::queue_program
